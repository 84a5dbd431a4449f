"""New shards of the chosen samples alone: a root of its own, which `verify`, `measure`, `curate` and training take.

Nothing is decoded, encoded or compressed: members move as they lie, neighbours in one go, and each shard counts from
the moment its stats are there, so that a run that was killed goes on where it was.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

import numpy as np

from pipelines.curation.splits import Split
from pipelines.errors import ShardError
from pipelines.exporting.arranging import Arrangement, Group, arrange
from pipelines.exporting.building import CopyTask, copy_shard
from pipelines.exporting.packed import PackedShard, packed_shards
from pipelines.exporting.selecting import Selection, whole_snapshot
from pipelines.exporting.surveying import Found, survey
from pipelines.layout import Layout
from pipelines.parallel import num_cores
from pipelines.progress import track
from pipelines.samples import Snapshot, digest_of, sha256
from pipelines.shards.media import ORIGINAL
from pipelines.shards.planning import Plan, PlannedShard, read_plan, write_plan
from pipelines.shards.snapshots import (
    digest_of_stats,
    missing_shards,
    num_shards,
    read_all_stats,
    remove_left_behind,
    snapshot_digest,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Copied:
    """What is there afterwards."""

    layout: Layout
    splits: Mapping[Snapshot, str]
    """Snapshot -> the split that it holds; empty where it may hold any."""
    num_shards_written: int
    """By this call."""

    def shards(self) -> Iterator[PackedShard]:
        """Snapshot by snapshot."""
        for snapshot in self.splits:
            yield from packed_shards(whole_snapshot(self.layout, snapshot))

    def totals(self) -> dict[str, object]:
        """Samples, shards, bytes, and the data version of each snapshot."""
        stats = {
            snapshot: read_all_stats(self.layout, snapshot, range(num_shards(self.layout, snapshot)))
            for snapshot in self.splits
        }
        each = [one for some in stats.values() for one in some]
        return {
            "num_samples": sum(int(str(one["successes"])) for one in each),
            "num_shards": len(each),
            "num_shards_written": self.num_shards_written,
            "num_bytes": sum(int(str(one["tar_bytes"])) for one in each),
            "snapshots": {str(snapshot): digest_of_stats(some) for snapshot, some in stats.items()},
        }


def copy_shards(selection: Selection, arrangement: Arrangement, output: str, *, num_workers: int) -> Copied:
    """Build what is missing below `output`; `ShardError` where other shards lie there under the same names."""
    found = survey(selection, only=arrangement.only, num_workers=num_workers)
    groups = arrange(found, arrangement, selection.target)
    work = _Work(selection, arrangement, Layout(output), found, num_workers)
    missing = {group.snapshot: work.begin(group) for group in groups}
    num_missing = sum(map(len, missing.values()))
    tasks = (task for group in groups for task in work.tasks(group, missing[group.snapshot]))
    for _ in track(_built(tasks, work.num_threads), total=num_missing, what=f"copy {selection.target}"):
        pass
    splits = {group.snapshot: group.split for group in groups}
    return Copied(layout=work.layout, splits=splits, num_shards_written=num_missing)


def _built(tasks: Iterator[CopyTask], num_threads: int) -> Iterator[object]:
    """Threads, because whatever takes long (reading, writing, digesting, waiting for the disk) lets go of the
    interpreter, and a process would start for longer than it takes to copy a gigabyte."""
    if num_threads == 1:
        yield from map(copy_shard, tasks)
        return
    with ThreadPoolExecutor(num_threads) as threads:
        yield from threads.map(copy_shard, tasks)


class _Work:
    """One call of `copy_shards`."""

    def __init__(
        self, selection: Selection, arrangement: Arrangement, layout: Layout, found: Found, num_workers: int
    ) -> None:
        self.layout = layout
        self._selection = selection
        self._arrangement = arrangement
        self._found = found
        self._sources = [(selection.snapshots[part], shard) for part, shard in selection.shards()]
        self.num_threads = num_workers or num_cores()

    def begin(self, group: Group) -> list[int]:
        """Write down what is to be; the shards that are not there."""
        plan = self._plan(group)
        there = read_plan(self.layout, group.snapshot)
        if there is not None and there != plan:
            raise ShardError(
                f"{self.layout.plan(group.snapshot)}: other shards were planned here. Choose another --output, or "
                "remove what is there."
            )
        if there is None:
            write_plan(self.layout, plan)
        remove_left_behind(self.layout.shards(group.snapshot))
        return missing_shards(self.layout, group.snapshot, plan)

    def tasks(self, group: Group, shards: list[int]) -> Iterator[CopyTask]:
        for shard in shards:
            first, last = group.bounds[shard]
            chosen = group.order[first:last]
            sources, source = np.unique(self._found.source[chosen], return_inverse=True)
            yield CopyTask(
                layout=self.layout,
                snapshot=group.snapshot,
                shard=shard,
                first_row=first,
                origin=self._selection.layout,
                sources=tuple(self._sources[number] for number in sources.tolist()),
                source=source.astype(np.int32),
                row=self._found.row[chosen],
                only=self._arrangement.only,
                is_scattered=self._arrangement.seed is not None,
                has_spare_core=self.num_threads < num_cores(),
            )

    def _plan(self, group: Group) -> Plan:
        chosen = self._found.source[group.order], self._found.row[group.order]
        return Plan(
            corpus=group.snapshot.corpus,
            snapshot=group.snapshot.snapshot,
            limits=self._arrangement.limits,
            settings=digest_of([self._selection.digest, self._tars(), asdict(self._arrangement)]),
            profile=ORIGINAL,
            shards=tuple(
                PlannedShard(
                    first_row=first,
                    num_records=last - first,
                    references_sha256=sha256(b"".join(column[first:last].tobytes() for column in chosen)),
                )
                for first, last in group.bounds
            ),
            facts={"exported_from": self._selection.name, "splits": self._splits(group)},
        )

    def _tars(self) -> list[str]:
        """What the samples are taken from."""
        return [snapshot_digest(self._selection.layout, snapshot) for snapshot in self._selection.snapshots]

    def _splits(self, group: Group) -> str:
        """Which splits these samples are in, where a view says."""
        codes = np.unique(self._found.split[group.order]).tolist()
        return " ".join(str(split) for code, split in enumerate(Split) if code in codes)
