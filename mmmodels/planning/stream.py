"""The endless sequence of readings of one pool: epoch after epoch without a gap, any part of it at once."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mmmodels.planning.dealing import dealt
from mmmodels.planning.hashing import derived, hashed
from mmmodels.planning.pools import Pool
from mmmodels.planning.weighting import Readings
from mmmodels.planning.windows import cut

_WINDOWS_KEPT, _EPOCHS_KEPT = 3, 2


class Stream:
    """Position -> entry of the pool, and back. Memory: an epoch's bounds of windows, and the order in three of them."""

    def __init__(self, pool: Pool, key: int, *, batch_size: int) -> None:
        self.pool = pool
        self.key = key
        self.batch_size = batch_size
        self.blocks = cut(len(pool), pool.shards, batch_size=batch_size)
        self._readings = Readings(pool.weights, derived(key, -1)) if pool.weights is not None else None
        self.epoch = lru_cache(_EPOCHS_KEPT)(self._epoch)
        self._latest: Epoch | None = None

    def rows(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Places in the pool of the readings at these positions."""
        rows = np.empty(len(positions), dtype=np.int64)
        todo = np.ones(len(positions), dtype=bool)
        while todo.any():
            epoch = self.epoch_at(int(positions[np.argmax(todo)]))
            here = todo & (positions >= epoch.start) & (positions < epoch.end)
            rows[here] = epoch.rows(positions[here])
            todo &= ~here
        return rows

    def epoch_at(self, position: int) -> "Epoch":
        """The epoch that holds a position."""
        if self._latest is None or not self._latest.start <= position < self._latest.end:
            self._latest = self.epoch(self._number_of_epoch(position))
        return self._latest

    def substitute(self, position: int, attempt: int) -> int:
        """The place in the pool that is read where the sample at a position cannot be: another of its window."""
        epoch = self.epoch_at(position)
        low, high = epoch.bounds_of_window(position)
        draw = int(hashed(derived(self.key, position), np.array([attempt]))[0])
        return int(self.rows(np.array([low + draw % (high - low)]))[0])

    def positions_of(self, row: int, *, first: int, end: int) -> list[int]:
        """Where a place of the pool is read, from position `first` to before `end`."""
        found: list[int] = []
        position = first
        while position < end:
            epoch = self.epoch_at(position)
            found += [one for one in epoch.positions_of(row) if first <= one < end]
            position = epoch.end
        return found

    def _number_of_epoch(self, position: int) -> int:
        return position // len(self.pool) if self._readings is None else self._readings.epoch_of(position)

    def _epoch(self, number: int) -> "Epoch":
        key = derived(self.key, number)
        if self._readings is None:
            return Epoch(self, key, number=number, start=number * len(self.pool), counts=None)
        counts = self._readings.in_epoch(number)
        return Epoch(self, key, number=number, start=self._readings.before(number), counts=counts)


class Epoch:
    """One pass over a pool: every entry as often as its weight says, once where it has none."""

    def __init__(self, stream: Stream, key: int, *, number: int, start: int, counts: NDArray[np.uint8] | None) -> None:
        self.number = number
        self.start = start
        self._stream = stream
        self._key = key
        self._counts = counts
        blocks = stream.blocks
        self.windows = blocks.windows(key)
        sizes = (
            np.diff(blocks.starts) if counts is None else np.add.reduceat(counts, blocks.starts[:-1], dtype=np.int64)
        )
        totals = np.where(self.windows >= 0, sizes[self.windows], 0).sum(axis=1)
        self._bounds = start + np.concatenate([[0], np.cumsum(totals)])
        self.order = lru_cache(_WINDOWS_KEPT)(self._order)

    @property
    def end(self) -> int:
        return int(self._bounds[-1])

    def rows(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Places in the pool, of positions in this epoch."""
        windows = np.searchsorted(self._bounds, positions, side="right") - 1
        rows = np.empty(len(positions), dtype=np.int64)
        for window in np.unique(windows).tolist():
            here = windows == window
            rows[here] = self.order(window)[positions[here] - self._bounds[window]]
        return rows

    def bounds_of_window(self, position: int) -> tuple[int, int]:
        """First position, and the one after the last, of the window that holds a position."""
        window = int(np.searchsorted(self._bounds, position, side="right")) - 1
        return int(self._bounds[window]), int(self._bounds[window + 1])

    def positions_of(self, row: int) -> list[int]:
        """All positions of a place of the pool in this epoch."""
        block = int(np.searchsorted(self._stream.blocks.starts, row, side="right")) - 1
        window = int(np.argmax((self.windows == block).any(axis=1)))
        found = np.flatnonzero(self.order(window) == row) + self._bounds[window]
        return [int(position) for position in found]

    def _order(self, window: int) -> NDArray[np.int64]:
        """Places in the pool of a window's readings, in their order."""
        rows = self._stream.blocks.rows(self.windows[window])
        if self._counts is not None:
            rows = np.repeat(rows, self._counts[rows])
        size = self._stream.batch_size
        lead = int(self._bounds[window]) % size
        groups = self._stream.pool.groups[rows]
        return rows[dealt(groups, derived(self._key, window), batch_size=size, lead=lead)]
