"""How often an entry is read in an epoch, from its weight: by arithmetic, so that any epoch may be asked for."""

import numpy as np
from numpy.typing import NDArray

from mmmodels.planning.hashing import hashed

_BITS = 24
_ONE = 1 << _BITS


class Readings:
    """Of weight w, an entry is read floor(w) or ceil(w) times in an epoch and w times on average, with the least
    variation that whole numbers allow: after e epochs it was read floor(w e + u) times, u its own share of [0, 1).
    """

    def __init__(self, weights: NDArray[np.float64], key: int) -> None:
        self._weights = np.round(weights * _ONE).astype(np.int64)
        self._shares = (hashed(key, np.arange(len(weights))) >> np.uint64(64 - _BITS)).astype(np.int64)

    def in_epoch(self, epoch: int) -> NDArray[np.int64]:
        """(n,)"""
        return self._until(epoch + 1) - self._until(epoch)

    def before(self, epoch: int) -> int:
        """Of all entries in all epochs before this one."""
        return int(self._until(epoch).sum())

    def epoch_of(self, position: int) -> int:
        """The epoch that holds the reading number `position` of all epochs; the weights add up to more than 0."""
        epoch = int(position * _ONE // int(self._weights.sum()))
        while self.before(epoch) > position:
            epoch -= 1
        while self.before(epoch + 1) <= position:
            epoch += 1
        return epoch

    def _until(self, epoch: int) -> NDArray[np.int64]:
        return (self._weights * epoch + self._shares) >> _BITS
