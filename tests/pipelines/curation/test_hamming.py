import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipelines.curation.hamming import near_pairs

hashes = st.integers(min_value=0, max_value=2**64 - 1)


def brute_force(values: NDArray[np.uint64], max_distance: int) -> list[tuple[int, int, int]]:
    apart = np.bitwise_count(values[:, None] ^ values[None])
    first, second = np.nonzero(np.triu(apart <= max_distance, 1))
    return [(int(i), int(j), int(apart[i, j])) for i, j in zip(first, second, strict=True)]


def found(values: NDArray[np.uint64], max_distance: int) -> list[tuple[int, int, int]]:
    return [(int(i), int(j), int(d)) for i, j, d in zip(*near_pairs(values, max_distance), strict=True)]


@settings(deadline=None)
@given(st.lists(hashes, max_size=12), st.lists(st.integers(0, 63), max_size=20), st.integers(min_value=0, max_value=9))
def test_every_near_pair_is_found_once(base: list[int], flips: list[int], max_distance: int) -> None:
    changed = [value ^ (1 << bit) for value, bit in zip(base * 3, flips, strict=False)]
    values = np.array([*base, *changed, *base[:2]], dtype=np.uint64)
    assert found(values, max_distance) == brute_force(values, max_distance)


@pytest.mark.parametrize("max_distance", [2, 4])
def test_planted_pairs_among_many_are_complete(max_distance: int) -> None:
    rng = np.random.default_rng(0)
    base = rng.integers(0, 2**64, size=1500, dtype=np.uint64)
    other = base.copy()
    for _ in range(max_distance + 2):
        bit = rng.integers(0, 64, size=len(base), dtype=np.uint64)
        other = np.where(rng.random(len(base)) < 0.6, other ^ (np.uint64(1) << bit), other)
    values = rng.permutation(np.concatenate([base, other]))
    assert found(values, max_distance) == brute_force(values, max_distance)
    assert len(found(values, max_distance)) > 500
