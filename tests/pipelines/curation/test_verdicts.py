import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.curation.verdicts import AFTER, NO_COMPONENT, Membership, Verdicts, decide, verdicts_of
from pipelines.errors import PolicyError

Row = tuple[bool, bool, bool, int, int, int, int]
rows = st.lists(
    st.tuples(
        st.booleans(), st.booleans(), st.booleans(),
        st.integers(NO_COMPONENT, 3), st.integers(0, 3), st.integers(NO_COMPONENT, 2), st.integers(0, 3),
    ),
    max_size=20,
)  # fmt: skip


def judged(samples: list[Row]) -> Verdicts:
    columns = np.array(samples, dtype=np.int64).reshape(-1, 7).T
    exact = Membership(component=columns[3], rank=columns[4])
    near = Membership(component=columns[5], rank=columns[6])
    faults = decide(
        before={"tombstoned": columns[0].astype(bool), "not_measured": np.zeros(len(samples), dtype=bool)},
        rules={"too_small": columns[1].astype(bool)},
        near_held_out=columns[2].astype(bool),
        contaminated=columns[2].astype(bool),
        duplicates={"duplicate": exact, "near_duplicate": near},
    )
    return verdicts_of(faults, np.ones(len(samples), dtype=np.float32))


def first(*samples: Row) -> list[str | None]:
    return judged(list(samples)).first_fault.to_pylist()


def test_faults_are_judged_in_the_documented_order() -> None:
    assert judged([]).faults == ("tombstoned", "not_measured", "too_small", *AFTER)
    everything = (True, True, True, 0, 1, 0, 1)
    best = (False, False, False, 0, 0, 0, 0)
    assert first(everything, best) == ["tombstoned", None]
    assert int(judged([everything, best]).bits[0]) == 0b1111101


def test_the_best_survivor_of_a_component_is_kept() -> None:
    fallen_best, second, third = (
        (False, True, False, 0, 0, -1, 0),
        (False,) * 3 + (0, 1, -1, 0),
        (False,) * 3 + (0, 2, -1, 0),
    )
    assert first(fallen_best, second, third) == ["too_small", None, "duplicate"]


def test_near_duplicates_are_judged_among_what_exact_duplicates_left() -> None:
    copy_of_best, best, other = (False,) * 3 + (0, 1, 0, 0), (False,) * 3 + (0, 0, 0, 0), (False,) * 3 + (-1, 0, 0, 1)
    assert first(copy_of_best, best, other) == ["duplicate", None, "near_duplicate"]


def test_samples_that_share_the_best_picture_are_all_kept() -> None:
    assert first(*[(False,) * 3 + (-1, 0, 0, 0)] * 3) == [None, None, None]


@settings(deadline=None)
@given(rows)
def test_nothing_is_lost_and_every_component_keeps_its_best_survivor(samples: list[Row]) -> None:
    verdicts = judged(samples)
    names = verdicts.first_fault.to_pylist()
    assert len(names) == len(samples)
    for name, bits in zip(names, verdicts.bits.tolist(), strict=True):
        assert (name is None) == (bits == 0)
        assert name is None or bits & -bits == 1 << verdicts.faults.index(name)
    survivors = [not any(sample[:3]) for sample in samples]
    for component in {sample[3] for sample, survives in zip(samples, survivors, strict=True) if survives} - {-1}:
        ranks = [s[4] for s, survives in zip(samples, survivors, strict=True) if survives and s[3] == component]
        passed = [
            s[4]
            for s, bits in zip(samples, verdicts.bits.tolist(), strict=True)
            if s[3] == component and not bits & 0b0111111
        ]
        assert passed == [min(ranks)] * ranks.count(min(ranks))


@settings(deadline=None)
@given(rows, st.randoms(use_true_random=False))
def test_verdicts_do_not_depend_on_the_order_of_samples(samples: list[Row], random: object) -> None:
    order = list(range(len(samples)))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert judged([samples[n] for n in order]).bits.tolist() == [judged(samples).bits.tolist()[n] for n in order]


def test_a_rule_may_not_take_a_name_of_the_engine() -> None:
    none = np.zeros(1, dtype=bool)
    with pytest.raises(PolicyError, match="near_duplicate: the engine decides it itself"):
        decide(before={}, rules={"near_duplicate": none}, near_held_out=none, contaminated=none, duplicates={})


def test_more_rules_than_bits_are_refused() -> None:
    none = np.zeros(1, dtype=bool)
    rules = {f"rule_{number}": none for number in range(64)}
    with pytest.raises(PolicyError, match="64 rules: at most 57"):
        decide(before={}, rules=rules, near_held_out=none, contaminated=none, duplicates={})


def test_the_last_bit_works() -> None:
    faults = {f"rule_{number}": np.array([number == 63]) for number in range(64)}
    verdicts = verdicts_of(faults, np.ones(1, dtype=np.float32))
    assert verdicts.first_fault.to_pylist() == ["rule_63"]
    assert int(verdicts.bits[0]) == 1 << 63
