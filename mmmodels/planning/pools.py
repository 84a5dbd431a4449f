"""What a kind of batch draws from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_WEIGHT = 64.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Pool:
    """The entries that one kind of batch draws from, in the order in which they are stored."""

    entries: NDArray[np.int64]
    """(n, 2): row in the view's table, number of the text (-1 = none)."""
    groups: NDArray[np.int64]
    """(n,): the group of each entry."""
    shards: NDArray[np.int64] | None = None
    """(n,): a number of the shard that holds it, equal for neighbours in one shard; none where reads are free."""
    weights: NDArray[np.float64] | None = None
    """(n,): expected readings in an epoch, 0 to 64; none where each is read exactly once."""

    def __post_init__(self) -> None:
        for name in ("groups", "shards", "weights"):
            column = getattr(self, name)
            assert column is None or len(column) == len(self.entries), f"{name}: one for each entry"

    def __len__(self) -> int:
        return len(self.entries)

    def num_groups(self, most: int) -> int:
        """How many groups there are; `most` where there are that many or more, which is soon known."""
        step = max(1, len(self) // (4 * most))
        if len(np.unique(self.groups[::step])) >= most:
            return most
        return min(most, len(np.unique(self.groups)))
