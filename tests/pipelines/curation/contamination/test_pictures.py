"""Near hashes between two sets, complete."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.curation.contamination.pictures import PictureLibrary, colour_differences, expanded
from pipelines.signals.matching import colour_difference

HASHES = st.lists(st.integers(0, 2**64 - 1), max_size=6)


def coloured(count: int, value: int = 100) -> np.ndarray:
    return np.full((count, 192), value, dtype=np.uint8)


@settings(max_examples=100, deadline=None)
@given(base=HASHES, flips=st.lists(st.lists(st.integers(0, 63), max_size=9), max_size=6), limit=st.integers(0, 8))
def test_every_pair_within_the_distance_is_found_and_no_other(base: list[int], flips: list[list[int]], limit: int):
    near = [number ^ sum(1 << bit for bit in set(bits)) for number, bits in zip(base, flips, strict=False)]
    hashes, queries = np.array(base, dtype=np.uint64), np.array(near + base, dtype=np.uint64)
    library = PictureLibrary(hashes, coloured(len(hashes)), max_distance=limit)
    query, place, similarity = library.find(queries, coloured(len(queries)), max_difference=3.5)
    expected = [
        (i, j)
        for i, left in enumerate(near + base)
        for j, right in enumerate(base)
        if (left ^ right).bit_count() <= limit
    ]
    assert list(zip(query.tolist(), place.tolist(), strict=True)) == expected
    bits = [((near + base)[i] ^ base[j]).bit_count() for i, j in expected]
    assert np.allclose(similarity, 1 - np.array(bits) / 64)


def test_colours_tell_pictures_of_one_hash_apart():
    hashes = np.zeros(1, dtype=np.uint64)
    red, blue = coloured(1), coloured(1)
    red[0, 0::3], blue[0, 2::3] = 250, 250
    library = PictureLibrary(hashes, red, max_distance=6)
    assert len(library.find(hashes, red, max_difference=3.5)[0]) == 1
    assert len(library.find(hashes, blue, max_difference=3.5)[0]) == 0


def test_differences_of_many_are_those_of_each():
    rng = np.random.default_rng(0)
    left, right = rng.integers(0, 255, (2, 20, 192), dtype=np.uint8)
    one = [colour_difference(a, b) for a, b in zip(left, right, strict=True)]
    assert np.allclose(colour_differences(left, right), one)


@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_ranges_are_expanded_some_at_a_time(at_once: int):
    low, counts = np.array([5, 0, 2]), np.array([2, 0, 3])
    pairs = [pair for part in expanded(low, counts, at_once=at_once) for pair in zip(*map(list, part), strict=True)]
    assert pairs == [(0, 5), (0, 6), (2, 2), (2, 3), (2, 4)]
    assert list(expanded(low[:0], counts[:0])) == []
