import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.curation.runs import HEADS, pairs_sharing


def pairs(keys: list[int], *, max_run: int | None = None) -> list[tuple[int, int]]:
    pieces = pairs_sharing(np.array(keys, dtype=np.uint64), max_run=max_run)
    return sorted((int(one), int(other)) for first, second in pieces for one, other in zip(first, second, strict=True))


@settings(deadline=None)
@given(st.lists(st.integers(0, 6), max_size=40))
def test_every_pair_of_equal_keys_comes_once(keys: list[int]) -> None:
    expected = [(i, j) for i in range(len(keys)) for j in range(i + 1, len(keys)) if keys[i] == keys[j]]
    assert pairs(keys) == expected


def test_a_long_run_is_paired_with_its_neighbours_and_its_heads_and_no_pair_comes_twice() -> None:
    found = pairs([5] * 1000, max_run=8)
    assert len(found) == len(set(found)) < 1000 * (8 + HEADS)
    assert {other for one, other in found if one == 0} == set(range(1, 1000)), "the first sees all"
    assert all((row, row + 1) in set(found) for row in range(999))


def test_a_million_equal_keys_come_in_pieces_of_bounded_size() -> None:
    sizes = [len(first) for first, _ in pairs_sharing(np.zeros(1_000_000, dtype=np.uint64), max_run=2)]
    assert max(sizes) < 1_000_000
    assert sum(sizes) < (2 + HEADS) * 1_000_000


def test_no_keys_have_no_pairs() -> None:
    assert pairs([]) == pairs([], max_run=3) == []
