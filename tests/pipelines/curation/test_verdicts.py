import random
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.curation.duplicates import FAULTS as FAULT_OF_KIND
from pipelines.curation.verdicts import AFTER, BEFORE, Faults, faults_of, mark_duplicates
from pipelines.errors import PolicyError

FAULTS = faults_of(["too_small"], ["near_image", "exact"])
TOO_SMALL = FAULTS.bit("too_small")
Member = tuple[str, str, str, int, float | None, int]


def marked(*members: Member, caps: dict[str, int] | None = None) -> dict[str, set[str]]:
    """(uid, kind, component, rank, preference, bits) -> uid -> faults that were added."""
    columns: list[list[Any]] = [list(column) for column in zip(*members, strict=True)] or [[]] * 6
    table = pa.table(
        {
            "uid": pa.array(columns[0], pa.string()),
            "kind": pa.array(columns[1], pa.string()),
            "component": pa.array(columns[2], pa.string()),
            "rank": pa.array(columns[3], pa.int32()),
            "preference": pa.array(columns[4], pa.float64()),
            "bits": pa.array(columns[5], pa.uint64()),
        }
    )
    with duckdb.connect() as connection:
        connection.register("given", table)
        connection.execute("create temp table members as from given")
        connection.execute("create temp table marks (uid varchar, bits ubigint)")
        mark_duplicates(connection, FAULTS, caps=caps)
        rows = connection.execute("select uid, bits from marks").fetchall()
    found: dict[str, set[str]] = {}
    for uid, bits in rows:
        found.setdefault(uid, set()).update(name for name in FAULTS.names if FAULTS.bit(name) & bits)
    return found


def test_faults_are_judged_in_the_documented_order() -> None:
    assert FAULTS.names == (*BEFORE, "too_small", *AFTER, "duplicate", "near_duplicate")
    assert faults_of([], FAULT_OF_KIND).names[-5:] == tuple(FAULT_OF_KIND.values())
    assert [FAULTS.bit(name) for name in FAULTS.names] == [1 << bit for bit in range(8)]


def first_faults(faults: Faults, *bits: int) -> list[str | None]:
    given = ", ".join(f"({each}::ubigint)" for each in bits)
    parts = {"FIRST": faults.first_fault_sql("varchar"), "GIVEN": given}
    sql = "select FIRST from (values GIVEN) as t(faults)"
    for name, part in parts.items():
        sql = sql.replace(name, part)
    return [row[0] for row in duckdb.sql(sql).fetchall()]


def test_the_first_fault_is_the_lowest_bit() -> None:
    assert first_faults(FAULTS, 0, 12, 8, 130) == [None, "repeated_uid", "too_small", "not_measured"]


def test_the_last_bit_works() -> None:
    assert first_faults(Faults(names=tuple(f"rule_{number}" for number in range(64))), 1 << 63) == ["rule_63"]


def test_the_best_survivor_of_a_component_is_kept() -> None:
    assert marked(
        ("fallen best", "exact", "c", 0, None, TOO_SMALL),
        ("second", "exact", "c", 1, None, 0),
        ("third", "exact", "c", 2, None, 0),
        ("fallen third", "exact", "c", 3, None, TOO_SMALL),
        ("alone", "exact", "d", 0, None, TOO_SMALL),
        ("worse of the fallen", "exact", "d", 1, None, TOO_SMALL),
    ) == {"third": {"duplicate"}, "fallen third": {"duplicate"}}


def test_near_duplicates_are_judged_among_what_exact_duplicates_left() -> None:
    assert marked(
        ("copy of best", "exact", "a", 1, None, 0),
        ("copy of best", "near_image", "b", 0, None, 0),
        ("best", "exact", "a", 0, None, 0),
        ("other", "near_image", "b", 1, None, 0),
        ("worst", "near_image", "b", 2, None, 0),
    ) == {"copy of best": {"duplicate"}, "worst": {"near_duplicate"}}


def test_samples_that_share_the_best_picture_are_all_kept() -> None:
    assert marked(*((name, "near_image", "c", 0, None, 0) for name in "abc")) == {}


def test_the_preferred_one_is_kept_and_what_shows_the_same_stays_with_it() -> None:
    assert marked(
        ("plain", "near_image", "c", 0, 1.0, 0),
        ("preferred", "near_image", "c", 1, 2.0, 0),
        ("beside it", "near_image", "c", 1, 0.5, 0),
        ("unsaid", "near_image", "c", 2, None, 0),
    ) == {"plain": {"near_duplicate"}, "unsaid": {"near_duplicate"}}


def test_a_component_may_keep_more_than_one() -> None:
    members = [(f"m{rank}", "exact", "c", rank, None, TOO_SMALL * (rank == 1)) for rank in range(5)]
    assert set(marked(*members, caps={"exact": 2})) == {"m3", "m4"}
    assert set(marked(*members, caps={"exact": 9})) == set()


row = st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from([None, 0.0, 1.0]), st.booleans())


@settings(deadline=None, max_examples=20)
@given(st.lists(row, max_size=12), st.integers(1, 3), st.randoms(use_true_random=False))
def test_every_component_keeps_its_best_survivors_in_any_order_of_rows(
    rows: list[Any], cap: int, shuffled: random.Random
) -> None:
    members: list[Member] = [
        (f"{number}", "exact", f"c{component}", rank, preference, TOO_SMALL * falls)
        for number, (component, rank, preference, falls) in enumerate(rows)
    ]
    found = set(marked(*members, caps={"exact": cap}))
    shuffled.shuffle(members)
    assert set(marked(*members, caps={"exact": cap})) == found
    for component in {member[2] for member in members}:
        inside = [member for member in members if member[2] == component]
        best: dict[int, float] = {}
        for member in inside:
            best[member[3]] = max(best.get(member[3], -1), -1 if member[4] is None else member[4])
        order = sorted(best, key=lambda rank: (-best[rank], rank))
        surviving = [rank for rank in order if any(m[3] == rank and not m[5] for m in inside)]
        kept = {m[0] for m in inside if m[0] not in found and not m[5]}
        assert kept == {m[0] for m in inside if m[3] in surviving[:cap] and not m[5]}


def test_a_rule_may_not_take_a_name_of_the_engine() -> None:
    with pytest.raises(PolicyError, match="semantic_duplicate: the engine decides it itself"):
        faults_of(["semantic_duplicate"], [])


def test_more_rules_than_bits_are_refused() -> None:
    with pytest.raises(PolicyError, match="64 rules: at most 57 fit"):
        faults_of([f"rule_{number}" for number in range(64)], ["exact", "near_image"])
