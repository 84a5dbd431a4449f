"""The distribution of a column in bounded memory: how often each value occurs, values cut to 12 significant bits.

Every whole number up to 4,096 is its own value, any other is kept to 1 in 2,048. So a sketch takes at most some
megabytes however many values it saw, does not depend on their order, and two of them are told apart without a look at
the files: quantiles, histograms and bins of one are exact for the cut values.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

_CUT_BITS = 12  # of a float32: sign, 8 bits of exponent and 11 of mantissa stay, and one bit of mantissa is implied
_MANY = 1 << 16
_SIGN = np.uint32(0x8000_0000)
_KEPT = np.uint32(0xFFFF_FFFF << _CUT_BITS & 0xFFFF_FFFF)


class Sketch:
    """Counts of finite values."""

    def __init__(self) -> None:
        self.num_values = 0
        self._values = np.empty(0, dtype=np.float32)
        self._counts = np.empty(0, dtype=np.int64)
        self._waiting: list[NDArray[np.float32]] = []
        self._num_waiting = 0

    def add(self, values: NDArray[np.float64]) -> None:
        """More values, all of them finite."""
        self._waiting.append(cut(values))
        self._num_waiting += len(values)
        self.num_values += len(values)
        if self._num_waiting > max(_MANY, len(self._values)):  # seldom enough, and never many in waiting
            self._merge()

    def _merge(self) -> None:
        new, counts = np.unique(np.concatenate([self._values[:0], *self._waiting]), return_counts=True)
        merged, where = np.unique(np.concatenate([self._values, new]), return_inverse=True)
        total = np.zeros(len(merged), dtype=np.int64)
        np.add.at(total, where, np.concatenate([self._counts, counts]))
        self._values, self._counts = merged, total
        self._waiting, self._num_waiting = [], 0

    def quantiles(self, shares: Sequence[float]) -> list[float]:
        """The smallest value that at least each share of the values does not exceed (as `inverted_cdf` of numpy)."""
        self._merge()
        if not self.num_values:
            return []
        ranks = np.ceil(np.asarray(shares) * self.num_values).clip(1)
        found: list[float] = self._values[np.searchsorted(np.cumsum(self._counts), ranks)].astype(float).tolist()
        return found

    def count_between(self, edges: Iterable[float]) -> NDArray[np.int64]:
        """How many are at most the first edge, above it and at most the second, ..., above the last."""
        self._merge()
        ends = np.searchsorted(self._values, np.asarray(list(edges), dtype=np.float32), side="right")
        below = np.concatenate([[0], np.cumsum(self._counts)])[ends]
        return np.diff(below, prepend=0, append=self.num_values)

    def histogram(self, *, num_bins: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Counts and edges of equal bins over the range; equal values make one bin of width 1."""
        self._merge()
        low, high = float(self._values[0]), float(self._values[-1])
        if low == high:
            return np.array([self.num_values]), np.array([low - 0.5, low + 0.5])
        counts, edges = np.histogram(
            self._values.astype(np.float64), bins=num_bins, range=(low, high), weights=self._counts
        )
        return counts.astype(np.int64), edges


def cut(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """To 12 significant bits, towards zero; what is too large for a float32 becomes its largest."""
    limit = float(np.finfo(np.float32).max)
    bits = np.clip(values, -limit, limit).astype(np.float32).view(np.uint32) & _KEPT
    return np.where(bits == _SIGN, np.uint32(0), bits).view(np.float32)  # -0 is 0
