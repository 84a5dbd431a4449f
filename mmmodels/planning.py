"""Which samples a step trains on: a pure function of (view digest, seed, step); the state is one integer."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mmmodels.errors import RecipeError
from pipelines.samples import digest_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Pool:
    """The entries that one kind of batch draws from."""

    entries: NDArray[np.int64]
    """(n, 2): row in the view's table, number of the text (-1 = none)."""
    groups: NDArray[np.int64]
    """(n,): the group of each entry."""

    def __len__(self) -> int:
        return len(self.entries)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The kinds and entries of all steps. Every entry of a pool is read once before any is read again."""

    pools: Mapping[str, Pool]
    mixture: Mapping[str, int]
    batch_size: int
    view_digest: str
    seed: int
    pattern: tuple[str, ...] = field(init=False)
    _orders: dict[tuple[str, int], NDArray[np.int64]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        shares = {
            kind: share for kind, share in self.mixture.items() if share > 0 and len(self.pools.get(kind, ())) > 1
        }
        if not shares:
            sizes = ", ".join(f"{kind}: {len(self.pools.get(kind, ()))}" for kind in self.mixture)
            raise RecipeError(
                f"view {self.view_digest[:12]}: too few samples to train on ({sizes}). Keep at least two."
            )
        object.__setattr__(self, "pattern", _interleaved(shares))

    def kind(self, step: int) -> str:
        """The kind of batch of a step, the same on every rank."""
        return self.pattern[step % len(self.pattern)]

    def size(self, kind: str) -> int:
        """Samples of one batch: never more than the pool has groups, and even, so that two ranks can share it."""
        largest = min(self.batch_size, len(np.unique(self.pools[kind].groups)))
        return max(largest // 8 * 8 if largest >= 8 else largest // 2 * 2, 2)

    def entries(self, step: int, *, rank: int = 0, world_size: int = 1) -> NDArray[np.int64]:
        """(b, 2): this rank's slice of the step's global batch."""
        kind = self.kind(step)
        size = self.size(kind)
        if size % world_size:
            raise RecipeError(
                f"batch of {size} {kind} samples over {world_size} workers: not a whole number each. Change it."
            )
        rounds, within = divmod(step, len(self.pattern))
        before = rounds * self.pattern.count(kind) + self.pattern[:within].count(kind)
        positions = before * size + np.arange(size)
        share = size // world_size
        return self.pools[kind].entries[self._rows(kind, positions[rank * share : (rank + 1) * share])]

    def _rows(self, kind: str, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        epochs, offsets = np.divmod(positions, len(self.pools[kind]))
        rows = [self._order(kind, int(epoch))[offsets[epochs == epoch]] for epoch in np.unique(epochs)]
        return np.concatenate(rows)

    def _order(self, kind: str, epoch: int) -> NDArray[np.int64]:
        """A permutation in rounds: within a round no group comes twice, so a batch rarely holds two of a group."""
        key = (kind, epoch)
        if key not in self._orders:
            self._orders.clear() if len(self._orders) > 2 * len(self.pools) else None
            digest = digest_of([self.view_digest, self.seed, kind, epoch])
            self._orders[key] = _order_in_rounds(self.pools[kind].groups, np.random.default_rng(int(digest[:32], 16)))
        return self._orders[key]


def _order_in_rounds(groups: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
    shuffled = random.permutation(len(groups))
    by_group = shuffled[np.argsort(groups[shuffled], kind="stable")]
    sorted_groups = groups[by_group]
    starts = np.flatnonzero(np.r_[True, sorted_groups[1:] != sorted_groups[:-1]])
    rank_in_group = np.arange(len(groups)) - np.repeat(starts, np.diff(np.r_[starts, len(groups)]))
    return by_group[np.lexsort((random.random(len(groups)), rank_in_group))]


def _interleaved(shares: Mapping[str, int]) -> tuple[str, ...]:
    """The kinds of one round, spread evenly: {a: 3, b: 1} gives a a b a."""
    slots = [((index + 0.5) / share, kind) for kind, share in shares.items() for index in range(share)]
    return tuple(kind for _, kind in sorted(slots))
