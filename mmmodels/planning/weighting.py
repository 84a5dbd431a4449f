"""How often an entry is read in an epoch, from its weight: by arithmetic, so that any epoch may be asked for."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mmmodels.planning.hashing import hashed

_BITS = 24
_ONE = 1 << _BITS
_CHUNK = 1 << 18
"""Entries at a time: what fits a cache is computed thrice as fast as what does not."""


class Readings:
    """Of weight w, an entry is read floor(w) or ceil(w) times in an epoch and w times on average, with the least
    variation that whole numbers allow: after e epochs it was read floor(w e + u) times, u its own share of [0, 1).

    Eight bytes an entry.
    """

    def __init__(self, weights: NDArray[np.float64], key: int) -> None:
        self._weights = np.empty(len(weights), dtype=np.uint32)
        self._shares = np.empty(len(weights), dtype=np.uint32)
        for some in self._chunks():
            self._weights[some] = np.rint(weights[some] * _ONE)
            self._shares[some] = hashed(key, np.arange(some.start, some.stop)) >> np.uint64(64 - _BITS)
        self._total = int(self._weights.sum(dtype=np.int64))
        self._totals: dict[int, int] = {}

    def in_epoch(self, epoch: int) -> NDArray[np.uint8]:
        """(n,): 0 to 64."""
        counts = np.empty(len(self._weights), dtype=np.uint8)
        for some in self._chunks():
            counts[some] = self._until(epoch + 1, some) - self._until(epoch, some)
        return counts

    def before(self, epoch: int) -> int:
        """Of all entries in all epochs before this one."""
        if epoch not in self._totals:
            self._totals[epoch] = sum(int(self._until(epoch, some).sum()) for some in self._chunks())
        return self._totals[epoch]

    def epoch_of(self, position: int) -> int:
        """The epoch that holds the reading number `position` of all epochs; the weights add up to more than 0."""
        epoch = position * _ONE // self._total
        while self.before(epoch) > position:
            epoch -= 1
        while self.before(epoch + 1) <= position:
            epoch += 1
        return epoch

    def _until(self, epoch: int, some: slice) -> NDArray[np.int64]:
        return (self._weights[some] * np.int64(epoch) + self._shares[some]) >> _BITS

    def _chunks(self) -> Iterator[slice]:
        size = len(self._weights)
        return (slice(start, min(size, start + _CHUNK)) for start in range(0, size, _CHUNK))
