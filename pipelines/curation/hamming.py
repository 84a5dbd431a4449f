"""All pairs of 64-bit hashes that differ in few bits, complete and without comparing everything with everything."""

from collections.abc import Iterator
from functools import reduce
from itertools import combinations, pairwise
from math import comb

import numpy as np
from numpy.typing import NDArray

from pipelines.curation.runs import Ends, mixed, pairs_sharing

Hashes = NDArray[np.uint64]
Pairs = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]

_BITS = 64
_MAX_AGREEING = 4
_SORT_COST = 4.0  # of one row in one table, in comparisons


def near_pairs(hashes: Hashes, max_distance: int) -> Pairs:
    """Positions (i < j) and distance of every pair of hashes at Hamming distance <= `max_distance`, sorted.

    As many pairs as there are: of n equal hashes n**2 / 2. `near_links` says as much about them with n - 1.
    """
    distinct, where = np.unique(hashes, return_inverse=True)
    nothing = np.zeros(0, dtype=np.int64)
    found = [(nothing, nothing), *iterate_near_pairs(distinct, max_distance)]
    first, second = (np.concatenate([ends[side] for ends in found]) for side in (0, 1))
    return _spread(distinct, where, first, second)


def near_links(
    hashes: Hashes, max_distance: int, *, within: Hashes | None = None, max_run: int | None = None
) -> Iterator[Ends]:
    """What holds near hashes together: every pair of different ones, and of equal ones each with the first.

    `within` (a code for each hash) leaves out pairs whose codes differ. Bounded by `max_run` (see `pairs_sharing`)
    it may miss pairs where more hashes than that agree in a third of their bits.
    """
    codes = np.zeros(len(hashes), dtype=np.uint64) if within is None else within
    order = np.lexsort((hashes, codes))
    is_first = np.ones(len(hashes), dtype=bool)
    is_first[1:] = (hashes[order][1:] != hashes[order][:-1]) | (codes[order][1:] != codes[order][:-1])
    firsts = order[is_first]
    copies = order[~is_first]
    yield firsts[np.cumsum(is_first) - 1][~is_first], copies
    firsts = np.sort(firsts)
    for left, right in iterate_near_pairs(hashes[firsts], max_distance, within=codes[firsts], max_run=max_run):
        yield firsts[left], firsts[right]


def iterate_near_pairs(
    hashes: Hashes, max_distance: int, *, within: Hashes | None = None, max_run: int | None = None
) -> Iterator[Ends]:
    """The pairs in pieces, each pair once; for hashes that are different, or many are in one run.

    Pigeonhole: of `max_distance + k` blocks of bits two near hashes agree in k at least. Every k blocks are a table in
    which only those are compared that agree in them (multi-index hashing, Norouzi et al. 2012, with k blocks for one:
    a million hashes need keys longer than 64 / 5 bits).
    """
    num_agreeing = _num_agreeing(len(hashes), max_distance)
    blocks = _blocks(max_distance + num_agreeing)
    for chosen in combinations(range(len(blocks)), num_agreeing):
        mask = reduce(np.bitwise_or, (blocks[block] for block in chosen))
        earlier = [blocks[block] for block in range(chosen[-1]) if block not in chosen]
        keys = hashes & mask if within is None else mixed(within) ^ (hashes & mask)
        for ends in pairs_sharing(keys, max_run=max_run):
            left, right = _near(hashes, ends, max_distance)
            apart = hashes[left] ^ hashes[right]
            new = (apart & mask) == 0
            if within is not None:
                new &= within[left] == within[right]
            for block in earlier:  # that agrees too: the pair was in its table
                new &= (apart & block) != 0
            yield left[new], right[new]


def _near(hashes: Hashes, ends: Ends, max_distance: int) -> Ends:
    left, right = ends
    near = distances(hashes[left], hashes[right]) <= max_distance
    return left[near], right[near]


def distances(first: Hashes, second: Hashes) -> NDArray[np.uint8]:
    """How many bits differ, element by element."""
    apart: NDArray[np.uint8] = np.bitwise_count(first ^ second)
    return apart


def _num_agreeing(num_hashes: int, max_distance: int) -> int:
    """The k that costs least: more tables to sort, or longer runs to compare, if bits were random."""

    def cost(agreeing: int) -> float:
        key_bits = _BITS * agreeing / (max_distance + agreeing)
        return comb(max_distance + agreeing, agreeing) * (_SORT_COST + num_hashes / 2 ** (key_bits + 1))

    return min(range(1, _MAX_AGREEING + 1), key=cost) if max_distance else 1


def _blocks(num_blocks: int) -> list[np.uint64]:
    edges = [round(_BITS * block / num_blocks) for block in range(num_blocks + 1)]
    return [np.uint64((1 << high) - (1 << low)) for low, high in pairwise(edges)]


def _spread(distinct: Hashes, where: NDArray[np.int64], first: NDArray[np.int64], second: NDArray[np.int64]) -> Pairs:
    """From pairs of distinct hashes to pairs of positions, equal hashes included."""
    order = np.argsort(where, kind="stable")
    starts = np.searchsorted(where[order], np.arange(len(distinct) + 1))
    counts = np.diff(starts)
    same = np.flatnonzero(counts > 1)
    first, second = np.concatenate([first, same]), np.concatenate([second, same])
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
