"""From a plan and a second pass over the listing to the tasks of workers, one at a time."""

from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import ShardError
from pipelines.layout import Layout
from pipelines.samples import Reference, Snapshot
from pipelines.shards.building import ShardTask
from pipelines.shards.planning import Plan, cut, planned
from pipelines.shards.repeats import Repeats, find_repeats
from pipelines.sources.source import Source

MakeTask = Callable[[int, list[Reference], frozenset[int]], ShardTask]
"""From the number of a shard, its references, and the positions whose names stand earlier in the snapshot."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Dispatch:
    """A snapshot that is being packed."""

    source: Source
    layout: Layout
    snapshot: Snapshot
    plan: Plan
    make_task: MakeTask

    def tasks(self, shards: Set[int]) -> Iterator[ShardTask]:
        """Those shards, lazily and in order; `ShardError` where the listing is not the one that was planned."""
        last = max(shards, default=-1)
        for shard, references, repeated in self._listed():
            if shard in shards:
                yield self.make_task(shard, references, repeated)
            if shard == last < len(self.plan.shards) - 1:
                return  # the last one reads on, to see that the listing ends there

    def tasks_of_rows(self, rows: Set[int]) -> Iterator[ShardTask]:
        """Single rows of the listing, gathered into as few shards as the limits allow."""
        chosen = (one for _, references, _ in self._listed() for one in references if one.row in rows)
        for number, references in enumerate(cut(chosen, self.plan.limits)):
            yield self.make_task(number, references, frozenset())

    def _listed(self) -> Iterator[tuple[int, list[Reference], frozenset[int]]]:
        is_repeat = Repeats(self._repeats())
        num_listed = 0
        for shard, references in enumerate(cut(self.source.references(), self.plan.limits)):
            if shard >= len(self.plan.shards) or planned(references) != self.plan.shards[shard]:
                raise self._changed()
            num_listed += 1
            yield (
                shard,
                references,
                frozenset(position for position, reference in enumerate(references) if is_repeat(reference)),
            )
        if num_listed != len(self.plan.shards):
            raise self._changed()

    def _repeats(self) -> NDArray[np.uint64]:
        with find_repeats(self.source.references() if self.plan.num_repeats else ()) as finding:
            for _ in finding:
                pass
            return finding.repeats()

    def _changed(self) -> ShardError:
        return ShardError(
            f"{self.snapshot}: the source does not list the {self.plan.num_references} records any more that were "
            f"planned under this name. Remove {self.layout.shards(self.snapshot)} and pack again."
        )
