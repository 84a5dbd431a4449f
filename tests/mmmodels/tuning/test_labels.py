"""Few labels: so many of each class, of different concepts first, the same for the same seed."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as some

from mmmodels.planning import Pool
from mmmodels.tuning.labels import few

LABELS = np.array([*["red"] * 8, *["blue"] * 4, "green"], dtype=object)
GROUPS = np.array([0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6])


def pool():
    rows = np.arange(len(LABELS))
    return Pool(entries=np.stack([rows, rows], axis=1), groups=GROUPS, shards=rows * 0, weights=None)


@given(per_class=some.integers(1, 9), seed=some.integers(0, 50))
def test_as_many_of_each_class_as_there_are_up_to_the_number(per_class, seed):
    kept = few(pool(), LABELS, per_class=per_class, seed=seed)
    found = {label: int((LABELS[kept.entries[:, 0]] == label).sum()) for label in ("red", "blue", "green")}
    assert found == {"red": min(8, per_class), "blue": min(4, per_class), "green": 1}
    assert np.array_equal(kept.groups, GROUPS[kept.entries[:, 0]])
    assert np.array_equal(kept.entries, few(pool(), LABELS, per_class=per_class, seed=seed).entries)


def test_no_concept_comes_twice_while_another_has_not_come():
    for seed in range(20):
        kept = few(pool(), LABELS, per_class=4, seed=seed)
        reds = kept.groups[LABELS[kept.entries[:, 0]] == "red"]
        assert len(set(reds.tolist())) == 4


def test_another_seed_keeps_others():
    assert len({few(pool(), LABELS, per_class=2, seed=seed).entries.tobytes() for seed in range(10)}) > 1
