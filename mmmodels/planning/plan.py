"""The kinds and entries of all steps.

The state is one integer. Each kind of batch has a pool and reads it epoch after epoch without a gap: a batch at the
seam holds the end of one epoch and the beginning of the next, so no entry is lost or doubled at any batch size.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mmmodels.errors import CheckpointError, RecipeError
from mmmodels.planning.pools import Pool
from mmmodels.planning.stream import Stream
from pipelines.samples import digest_of

_VERSION = 2
"""Of the order: another one is another plan."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Kind and entries of every step, for any rank of any number of ranks. Has caches: for one thread at a time."""

    pools: Mapping[str, Pool]
    mixture: Mapping[str, int]
    """Kind -> batches of it in one round of the schedule."""
    batch_size: int
    view_digest: str
    """Of everything that the pools were made of."""
    seed: int
    pattern: tuple[str, ...] = field(init=False)
    """The kinds of one round."""
    streams: Mapping[str, Stream] = field(init=False)
    _sizes: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        shares = {kind: share for kind, share in self.mixture.items() if share > 0 and _is_enough(self.pools.get(kind))}
        if not shares:
            sizes = ", ".join(f"{kind}: {len(self.pools.get(kind, ()))}" for kind in self.mixture)
            raise RecipeError(
                f"view {self.view_digest[:12]}: too few samples to train on ({sizes}). Keep at least two."
            )
        batch_sizes = {kind: _batch_size(self.pools[kind], self.batch_size) for kind in shares}
        streams = {
            kind: Stream(
                self.pools[kind],
                int(digest_of([_VERSION, self.view_digest, self.seed, kind])[:15], 16),
                batch_size=batch_size,
            )
            for kind, batch_size in batch_sizes.items()
        }
        for name, value in (("pattern", _interleaved(shares)), ("streams", streams), ("_sizes", batch_sizes)):
            object.__setattr__(self, name, value)

    def kind(self, step: int) -> str:
        """The kind of batch of a step, the same on every rank."""
        return self.pattern[step % len(self.pattern)]

    def size(self, kind: str) -> int:
        """Samples of one batch: never more than the pool has groups, and even, so that two ranks can share it."""
        return self._sizes[kind]

    def positions(self, step: int, *, rank: int = 0, world_size: int = 1) -> NDArray[np.int64]:
        """(b,): places of this rank's slice of the step in the sequence of all readings of its kind."""
        kind = self.kind(step)
        size = self.size(kind)
        if size % world_size:
            raise RecipeError(
                f"batch of {size} {kind} samples over {world_size} workers: not a whole number each. Change it."
            )
        share = size // world_size
        return self.position_at(kind, step) + rank * share + np.arange(share)

    def position_at(self, kind: str, step: int) -> int:
        """How many readings of a kind lie before a step."""
        rounds, within = divmod(step, len(self.pattern))
        batches = rounds * self.pattern.count(kind) + self.pattern[:within].count(kind)
        return batches * self.size(kind)

    def entries(self, step: int, *, rank: int = 0, world_size: int = 1) -> NDArray[np.int64]:
        """(b, 2): this rank's slice of the step's global batch."""
        kind = self.kind(step)
        rows = self.streams[kind].rows(self.positions(step, rank=rank, world_size=world_size))
        return self.pools[kind].entries[rows]

    def substitute(self, kind: str, position: int, attempt: int) -> NDArray[np.int64]:
        """(2,): the entry to read where the one at a position is damaged; attempt 0, 1, ... until one is not.

        It hangs on the position alone, so every number of ranks reads the same instead.
        """
        stream = self.streams[kind]
        entry: NDArray[np.int64] = self.pools[kind].entries[stream.substitute(position, attempt)]
        return entry

    def step_of(self, kind: str, position: int) -> int:
        """The step that reads a position of a kind."""
        rounds, number = divmod(position // self.size(kind), self.pattern.count(kind))
        places = [place for place, name in enumerate(self.pattern) if name == kind]
        return rounds * len(self.pattern) + places[number]

    @cached_property
    def digest(self) -> str:
        """32 hex digits of all that the sequence of batches hangs on."""
        pools = {kind: [len(pool), self.size(kind)] for kind, pool in self.pools.items() if kind in self.streams}
        return digest_of([_VERSION, self.view_digest, self.seed, list(self.pattern), pools])[:32]

    def state(self, step: int) -> dict[str, int | str]:
        """What a checkpoint keeps of the data after `step` steps."""
        return {"step": step, "plan": self.digest, "view_digest": self.view_digest, "seed": self.seed}

    def resume(self, state: Mapping[str, int | str]) -> int:
        """The step to go on with; CheckpointError where the state is of another plan."""
        for name, now in (("view_digest", self.view_digest), ("seed", self.seed), ("plan", self.digest)):
            if state[name] != now:
                raise CheckpointError(
                    f"data state after step {state['step']}: its {name} is {_short(state[name])}, here it is "
                    f"{_short(now)}: other batches would follow. Go on with what the run was started with, or start a "
                    "new run."
                )
        return int(state["step"])


def _short(value: int | str) -> str:
    return str(value)[:12]


def _is_enough(pool: Pool | None) -> bool:
    return pool is not None and len(pool) > 1 and (pool.weights is None or bool(pool.weights.sum() > 0))


def _batch_size(pool: Pool, wanted: int) -> int:
    largest = pool.num_groups(wanted)
    return max(largest // 8 * 8 if largest >= 8 else largest // 2 * 2, 2)


def _interleaved(shares: Mapping[str, int]) -> tuple[str, ...]:
    """The kinds of one round, spread evenly: {a: 3, b: 1} gives a a b a."""
    slots = [((index + 0.5) / share, kind) for kind, share in shares.items() for index in range(share)]
    return tuple(kind for _, kind in sorted(slots))
