"""All pairs of 64-bit hashes that differ in few bits, complete and without comparing everything with everything."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Pairs = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]

_BITS = 64


def near_pairs(hashes: Hashes, max_distance: int) -> Pairs:
    """Positions (i < j) and distance of every pair of hashes at Hamming distance <= `max_distance`, sorted.

    Pigeonhole: cut into one band more than bits may differ, and two near hashes agree in a whole band. Only those that
    share a band are compared (multi-index hashing, Norouzi et al. 2012).
    """
    distinct, where = np.unique(hashes, return_inverse=True)
    found = [_pairs_in_band(distinct, mask, max_distance) for mask in _bands(max_distance + 1)]
    code = np.unique(np.concatenate([first * len(distinct) + second for first, second in found]))
    return _spread(distinct, where, code)


def distances(first: Hashes, second: Hashes) -> NDArray[np.uint8]:
    """How many bits differ, element by element."""
    apart: NDArray[np.uint8] = np.bitwise_count(first ^ second)
    return apart


def _bands(num_bands: int) -> list[np.uint64]:
    edges = [round(_BITS * band / num_bands) for band in range(num_bands + 1)]
    return [np.uint64((1 << high) - (1 << low)) for low, high in pairwise(edges)]


def _pairs_in_band(hashes: Hashes, mask: np.uint64, max_distance: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sorted by band, equal bands are neighbours: compare each hash with the next, the one after, until runs end."""
    band = hashes & mask
    order = np.argsort(band, kind="stable")
    band, ordered = band[order], hashes[order]
    left = np.arange(len(hashes))
    firsts, seconds = [left[:0]], [left[:0]]
    step = 1
    while len(left):
        left = left[left + step < len(hashes)]
        left = left[band[left] == band[left + step]]
        near = left[distances(ordered[left], ordered[left + step]) <= max_distance]
        firsts.append(order[near])
        seconds.append(order[near + step])
        step += 1
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    return np.minimum(first, second), np.maximum(first, second)


def _spread(distinct: Hashes, where: NDArray[np.int64], code: NDArray[np.int64]) -> Pairs:
    """From pairs of distinct hashes to pairs of positions, equal hashes included."""
    order = np.argsort(where, kind="stable")
    starts = np.searchsorted(where[order], np.arange(len(distinct) + 1))
    counts = np.diff(starts)
    same = np.flatnonzero(counts > 1)
    first = np.concatenate([code // max(len(distinct), 1), same])
    second = np.concatenate([code % max(len(distinct), 1), same])
    sizes = counts[first] * counts[second]
    pair = np.repeat(np.arange(len(first)), sizes)
    inside = np.arange(len(pair)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    i = order[starts[first[pair]] + inside // counts[second[pair]]]
    j = order[starts[second[pair]] + inside % counts[second[pair]]]
    once = (i < j) | (first[pair] != second[pair])
    i, j = np.minimum(i, j)[once], np.maximum(i, j)[once]
    sort = np.lexsort((j, i))
    i, j = i[sort], j[sort]
    return i, j, distances(distinct[where[i]], distinct[where[j]])
