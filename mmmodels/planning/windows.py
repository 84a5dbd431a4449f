"""A shuffle over everything that stored it, read through windows of some shards at a time.

The stored order is cut into blocks (a shard, or a part of a large one). Blocks are dealt into windows so that each
window has one block of every stretch of the stored order: it is a small picture of the whole, and position in the order
says next to nothing about position in the store. Within a window samples are permuted freely.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmmodels.planning.hashing import hashed

MAX_BLOCK = 16_384
"""Entries of a block: a larger shard is several blocks."""
MIN_WINDOW = 65_536
MIN_WINDOW_BATCHES = 16
MIN_WINDOW_BLOCKS = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Blocks:
    """Stretches of a pool that are read together."""

    starts: NDArray[np.int64]
    """(blocks + 1,): the first entry of each, then the end."""
    per_window: int

    @property
    def num_windows(self) -> int:
        return -(-(len(self.starts) - 1) // self.per_window)

    def windows(self, key: int) -> NDArray[np.int64]:
        """(windows, blocks of each): numbers of blocks, -1 where one has a block less than others."""
        num_blocks, num_windows = len(self.starts) - 1, self.num_windows
        num_stretches = -(-num_blocks // num_windows)
        numbers = np.arange(num_stretches * num_windows).reshape(num_stretches, num_windows)
        order = np.argsort(hashed(key, numbers), axis=1, kind="stable")
        dealt = np.take_along_axis(numbers, order, axis=1).T
        return np.where(dealt < num_blocks, dealt, -1)

    def rows(self, blocks: NDArray[np.int64]) -> NDArray[np.int64]:
        """The entries of those blocks in stored order."""
        chosen = np.sort(blocks[blocks >= 0])
        starts, ends = self.starts[chosen], self.starts[chosen + 1]
        sizes = ends - starts
        firsts = np.cumsum(sizes) - sizes
        rows: NDArray[np.int64] = np.arange(sizes.sum()) + np.repeat(starts - firsts, sizes)
        return rows


def cut(size: int, shards: NDArray[np.int64] | None, *, batch_size: int) -> Blocks:
    """Blocks of `size` entries; one window holds them all where they are few."""
    changes = np.flatnonzero(np.diff(shards)) + 1 if shards is not None else np.zeros(0, dtype=np.int64)
    bounds = np.concatenate([[0], changes, [size]]).astype(np.int64)
    pieces = -(-np.diff(bounds) // MAX_BLOCK)
    within = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    starts = np.repeat(bounds[:-1], pieces) + within * np.repeat(-(-np.diff(bounds) // pieces), pieces)
    wanted = max(MIN_WINDOW, MIN_WINDOW_BATCHES * batch_size)
    per_window = max(MIN_WINDOW_BLOCKS, -(-wanted * len(starts) // size))
    return Blocks(starts=np.append(starts, size), per_window=min(per_window, len(starts)))
