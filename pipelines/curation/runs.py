"""Pairs of rows that share a key, in bounded pieces: what hashes, sketches and words are looked up by."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Ends = tuple[NDArray[np.int64], NDArray[np.int64]]
Keys = NDArray[np.uint64]

HEADS = 32
"""Of a run that is too long for all its pairs: its first rows, which every later one is compared with."""

_ROW_BITS = np.uint64(32)
_ROWS = np.uint64((1 << 32) - 1)


def pairs_sharing(keys: Keys, *, max_run: int | None = None) -> Iterator[Ends]:
    """(earlier, later) positions of equal keys, and of a few that are not: the caller compares them anyway.

    A million equal keys have 5 * 10**11 pairs. With `max_run` a row is paired with as many of those that follow it,
    and with the first HEADS of all: what a row of a long run resembles, the best of the run most likely does too.
    Each piece has at most as many pairs as there are keys, each pair comes once.
    """
    if len(keys) > _ROWS:
        raise ValueError(f"{len(keys)} keys: at most {_ROWS} fit. Look in parts of the pool.")
    packed = (mixed(keys) & ~_ROWS) | np.arange(len(keys), dtype=np.uint64)
    packed.sort()
    rows = (packed & _ROWS).astype(np.int64)
    packed >>= _ROW_BITS
    yield from _neighbours(packed, rows, max_run)
    if max_run is not None:
        yield from _heads(packed, rows, max_run)


def _neighbours(codes: Keys, rows: NDArray[np.int64], max_run: int | None) -> Iterator[Ends]:
    """Sorted, equal codes stand together: each with the next, then with the one after, until the runs end."""
    left = np.arange(len(codes))
    step = 1
    while max_run is None or step <= max_run:
        left = left[: np.searchsorted(left, len(codes) - step)]
        left = left[codes[left] == codes[left + step]]
        if not len(left):
            return
        yield rows[left], rows[left + step]
        step += 1


def _heads(codes: Keys, rows: NDArray[np.int64], max_run: int) -> Iterator[Ends]:
    """The first rows of runs longer than `max_run`, with all that stand too far behind them."""
    is_start = np.r_[True, codes[1:] != codes[:-1]][: len(codes)]
    starts = np.flatnonzero(is_start)[np.cumsum(is_start) - 1]
    behind = np.arange(len(codes)) - starts
    for head in range(min(HEADS, len(codes))):
        late = np.flatnonzero(behind > head + max_run)
        if not len(late):
            return
        yield rows[starts[late] + head], rows[late]


def mixed(keys: Keys) -> Keys:
    """The finaliser of SplitMix64 (Steele et al. 2014): every bit of a key moves half of the upper ones."""
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))
