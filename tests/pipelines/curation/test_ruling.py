import random
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.curation import connections, pooling
from pipelines.curation.parsing import parse
from pipelines.curation.policy import parse_policy
from pipelines.curation.shaping import Shape
from pipelines.errors import PolicyError
from tests.pipelines.curation.pools import pool, ruled, uid, verdicts

SAMPLES = {"uid": [uid(1), uid(2), uid(3)], "width": [1, 50, None], "caption": ["x", "y", "z"]}


def faults(tmp_path: Path, sql: str, table: Any = None) -> dict[str, list[bool]]:
    """Fault -> whether each sample has it."""
    samples = pool(tmp_path, table or SAMPLES)
    names = ruled(tmp_path, sql, samples).faults.names
    bits = [row["faults"] for row in verdicts(tmp_path, sql, samples)]
    return {name: [bool(each >> bit & 1) for each in bits] for bit, name in enumerate(names)}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("width < 32", [True, False, False]),
        ("width is null", [False, False, True]),
        ("not (width >= 32)", [True, False, False]),
        ("null::boolean", [False, False, False]),
        ("null", [False, False, False]),
        ("caption = 'z' and width < 0", [False, False, False]),
        ("width < avg(width) over ()", [True, False, False]),
        ("width = (select max(width) from samples)", [False, True, False]),
    ],
)
def test_null_does_not_drop(tmp_path: Path, rule: str, expected: list[bool]) -> None:
    assert faults(tmp_path, "select uid, RULE as odd from samples".replace("RULE", rule))["odd"] == expected


@pytest.mark.parametrize(
    ("shape", "source"),
    [
        (Shape.BY_ROW, "from samples"),
        (Shape.BY_POOL, "from samples as s"),
        (Shape.FREE, "from samples order by uid desc"),
    ],
)
def test_faults_keep_their_order_and_samples_keep_theirs(tmp_path: Path, shape: Shape, source: str) -> None:
    other = "count(*) over () < 0" if shape is Shape.BY_POOL else "false"
    sql = f"select width < 2 as zz, uid, width > 2 or {other} as aa, 2.5 as weight {source}"
    assert parse(parse_policy("mine", sql)).shape is shape
    found = verdicts(tmp_path, sql, pool(tmp_path, SAMPLES, rows_per_file=2))
    assert [row["uid"] for row in found] == SAMPLES["uid"]
    assert [row["first_fault"] for row in found] == ["zz", "aa", None]
    assert [row["kept"] for row in found] == [False, False, True]
    assert [row["weight"] for row in found] == [2.5, 2.5, 2.5]
    assert {row["corpus"] for row in found} == {"things"}


def test_without_a_weight_every_sample_weighs_one(tmp_path: Path) -> None:
    assert [row["weight"] for row in verdicts(tmp_path, "select uid from samples", pool(tmp_path, SAMPLES))] == [
        1.0
    ] * 3


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select uid,\n widht < 2 as small from samples", r"line 2 \(column small\).*Did you mean width\?"),
        ("select uid, heigth < 2 as small from samples", r"Did you mean height"),
        ("select uid, width as small from samples", "small is bigint, not boolean"),
        ("select uid, width < 2 as Small from samples", "'Small' is not a fault's name"),
        ("select uid, width < 2 as f, width > 3 as f from samples", "two columns are called f"),
        ("select width < 2 as small from samples", "has no column uid"),
        ("select uid from samples where width > 1", "1 rows for 3 samples, 2 without a row"),
        ("select uid from samples limit 2", "2 rows for 3 samples"),
        ("select uid from samples union all select uid from samples", "6 rows for 3 samples"),
        ("select 'd' as uid from samples", "3 rows for 3 samples, 3 without a row"),
        ("select max(uid) over () as uid from samples", "3 rows for 3 samples, 2 without a row"),
        ("select uid, unnest([true, false]) as f from samples", "6 rows for 3 samples"),
        ("select distinct on (width > 0) uid from samples", "2 rows for 3 samples"),
        (
            "select uid, width as weight from samples",
            f"weight is null, negative or not finite for 1 samples, e.g. {uid(3)}",
        ),
        ("select uid, -1 as weight from samples", "for 3 samples"),
        ("select uid, 'nan'::float as weight from samples", "for 3 samples"),
        ("select uid, caption as weight from samples", "weight is varchar, not boolean"),
        ("select uid, caption as preference from samples", "preference is varchar, not boolean"),
        ("select uid, caption::int > 1 as f from samples", "Could not convert string 'x'"),
        ("select uid, nothing(width) as f from samples", "nothing does not exist"),
        ("select uid, count(*) > 1 as f from samples", "must appear in the GROUP BY"),
        (
            "select uid, near_held_out from (select uid, true as near_held_out from samples)",
            "the engine decides it itself",
        ),
    ],
)
def test_what_is_no_verdict_on_every_sample_is_refused(tmp_path: Path, sql: str, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        verdicts(tmp_path, sql, pool(tmp_path, SAMPLES))


def test_a_column_that_the_parse_did_not_see_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PolicyError):
        verdicts(
            tmp_path,
            "select uid, struct_extract(samples, 'hei' || 'ght') > 1 as f from samples",
            pool(tmp_path, SAMPLES),
        )


POLICIES = {
    "by row": "select uid, width < 20 as small, caption like 'a%' as a, width::double as weight from samples",
    "by pool": "select uid, width < (select quantile_cont(width, 0.4) from samples) as low, "
    "row_number() over (partition by caption order by width desc, uid) > 2 as crowded from samples",
    "free": "with ranked as (select uid, rank() over (order by width desc) as place from samples) "
    "select uid, place > 5 as far, place::double as preference from ranked",
}


@settings(deadline=None, max_examples=12)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from("abc")), max_size=30),
    st.sampled_from(sorted(POLICIES)),
    st.integers(1, 9),
    st.integers(1, 3),
    st.randoms(use_true_random=False),
)
def test_a_verdict_does_not_depend_on_row_order_file_split_or_threads(
    rows: list[tuple[int, str]], policy: str, per_file: int, threads: int, shuffled: random.Random
) -> None:
    def judged(order: list[int], rows_per_file: int) -> list[tuple[Any, ...]]:
        table = {
            "uid": [uid(n) for n in order],
            "width": [rows[n][0] for n in order],
            "caption": [rows[n][1] for n in order],
        }
        if not order:
            table = {"uid": [""][:0], "width": [0][:0], "caption": [""][:0]}
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
            patched.setattr(connections, "NUM_THREADS", threads)
            patched.setattr(pooling, "FILES_AT_ONCE", 2)
            samples = pool(Path(folder), table, rows_per_file=rows_per_file)
            found = verdicts(Path(folder), POLICIES[policy], samples)
        assert [row["uid"] for row in found] == table["uid"], "nothing lost, nothing twice, in the order of the samples"
        return sorted((row["uid"], row["faults"], row["first_fault"], row["weight"]) for row in found)

    order = list(range(len(rows)))
    expected = judged(order, 1000)
    shuffled.shuffle(order)
    assert judged(order, per_file) == expected
