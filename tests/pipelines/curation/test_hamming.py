from collections.abc import Callable, Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipelines.curation.hamming import near_links, near_pairs

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


def clusters(rng: np.random.Generator, size: int) -> NDArray[np.uint64]:
    """Few centres, many hashes a few bits away from them."""
    centres = rng.integers(0, 2**64, size=size // 50, dtype=np.uint64)
    values = rng.choice(centres, size)
    for _ in range(3):
        values = values ^ (np.uint64(1) << rng.integers(0, 64, size=size, dtype=np.uint64))
    return values


def hostile(rng: np.random.Generator, size: int) -> NDArray[np.uint64]:
    """A third are blank pictures, a third are nearly, and a third share all of their first 40 bits."""
    blank = np.zeros(size // 3, dtype=np.uint64)
    nearly = np.uint64(1) << rng.integers(0, 64, size=size // 3, dtype=np.uint64)
    shared = rng.integers(0, 2**24, size=size - 2 * (size // 3), dtype=np.uint64)
    return rng.permutation(np.concatenate([blank, nearly, shared]))


@pytest.mark.parametrize("make", [clusters, hostile])
def test_pairs_of_crowded_hashes_are_complete(make: Callable[[np.random.Generator, int], NDArray[np.uint64]]) -> None:
    values = make(np.random.default_rng(0), 1200)
    assert found(values, 4) == brute_force(values, 4)


@pytest.mark.slow
@pytest.mark.parametrize("make", [clusters, hostile, lambda rng, size: rng.integers(0, 2**64, size, dtype=np.uint64)])
def test_pairs_among_twenty_thousand_are_those_of_brute_force(make: Callable[..., NDArray[np.uint64]]) -> None:
    values = np.unique(make(np.random.default_rng(1), 20_000))
    first, second, _ = near_pairs(values, 4)
    codes = np.sort(first * len(values) + second)
    expected = [
        row * len(values) + row + 1 + np.flatnonzero(np.bitwise_count(values[row + 1 :] ^ values[row]) <= 4)
        for row in range(len(values))
    ]
    assert np.array_equal(codes, np.concatenate(expected))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40)), max_size=40), st.integers(0, 4))
def test_links_hold_together_what_pairs_within_a_code_hold_together(rows: list[tuple[int, int]], distance: int) -> None:
    codes, values = (np.array([row[side] for row in rows], dtype=np.uint64) for side in (0, 1))
    links = list(near_links(values, distance, within=codes))
    linked = {(int(one), int(other)) for first, second in links for one, other in zip(first, second, strict=True)}
    near = {(i, j) for i, j, _ in brute_force(values, distance) if codes[i] == codes[j]}
    assert {tuple(sorted(pair)) for pair in linked} <= near
    assert components_of(len(rows), linked) == components_of(len(rows), near)


def components_of(size: int, links: Iterable[tuple[int, int]]) -> list[int]:
    label = list(range(size))
    for _ in range(size):
        for one, other in links:
            label[one] = label[other] = min(label[one], label[other])
    return label


def test_a_million_equal_hashes_are_held_together_by_a_million_links() -> None:
    links = list(near_links(np.full(1_000_000, 7, dtype=np.uint64), 4))
    assert sum(len(first) for first, _ in links) == 999_999
