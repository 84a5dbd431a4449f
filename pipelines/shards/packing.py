"""A source into the shards of one snapshot: what is there is kept, what is missing is built, the rest is counting."""

import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass

from pipelines import storage
from pipelines.errors import ShardError, SourceError
from pipelines.layout import Layout
from pipelines.parallel import Place, map_as_done, num_cores
from pipelines.samples import Reference, Snapshot
from pipelines.shards.accounting import PackReport, Work, check_failures, make_report
from pipelines.shards.building import ShardTask, build_shard
from pipelines.shards.dispatching import Dispatch
from pipelines.shards.erasing import finish_erasures
from pipelines.shards.media import ORIGINAL, MediaProfile
from pipelines.shards.planning import Limits, Plan, make_plan, read_plan, write_plan
from pipelines.shards.retrying import adopt, forget_unplanned, num_open, open_rows
from pipelines.shards.reusing import reuse_shards
from pipelines.shards.snapshots import (
    Stats,
    missing_shards,
    num_shards,
    read_all_stats,
    remove_left_behind,
    snapshot_digest,
)
from pipelines.sources.source import Source

__all__ = ["Limits", "PackReport", "PackingConfig", "num_shards", "pack", "packed_as", "snapshot_digest"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PackingConfig:
    """How a source is cut into shards, how much of it may be bad, and who does the work."""

    samples_per_shard: int = 1000
    target_bytes: int = 1 << 30
    """A shard is closed before the media it is known to hold exceed this."""
    profile: MediaProfile = ORIGINAL
    """What is done to media; one other than the original names the snapshot too."""
    max_failure_rate: float = 0.05
    """Of all records, in [0, 1]; judged on 100 records or more, and a snapshot without any sample always fails."""
    max_consecutive_failures: int = 100
    retry: bool = True
    """A snapshot that is whole is packed again: try what failed for a reason that may have passed."""
    num_workers: int = 2
    """0: one for each core."""
    on: Place = "processes"
    ray_address: str | None = None

    def __post_init__(self) -> None:
        assert self.limits  # checks them
        if self.max_consecutive_failures < 1:
            raise SourceError(f"max_consecutive_failures = {self.max_consecutive_failures}: expected 1 or more.")
        if self.num_workers < 0:
            raise SourceError(f"num_workers = {self.num_workers}: expected 1 or more, or 0 for one per core.")
        if not 0 <= self.max_failure_rate <= 1:
            raise SourceError(f"max_failure_rate = {self.max_failure_rate}: expected a rate in [0, 1].")

    @property
    def limits(self) -> Limits:
        return Limits(samples_per_shard=self.samples_per_shard, target_bytes=self.target_bytes)


def pack(source: Source, *, layout: Layout, config: PackingConfig | None = None) -> PackReport:
    """Build what is missing of the source's present snapshot; `SourceError` where too many records are bad.

    One run at a time packs a snapshot, another gets a `StorageError`. A snapshot that is whole only has those records
    tried again that failed for a reason that may pass.
    """
    config = config or PackingConfig()
    start = time.monotonic()
    packing = _Packing(source, layout, config)
    plan, work = packing.run()
    stats = packing.stats(plan)
    check_failures(layout, packing.snapshot, stats, max_failure_rate=config.max_failure_rate)
    return make_report(plan, packing.snapshot, stats, work, seconds=time.monotonic() - start)


def packed_as(source: Source, profile: MediaProfile = ORIGINAL) -> Snapshot:
    """The snapshot that a source is packed as: media of another profile are another snapshot."""
    return Snapshot(corpus=source.corpus, snapshot="-".join(filter(None, (source.snapshot, profile.suffix))))


class _Packing:
    """One call of `pack`."""

    def __init__(self, source: Source, layout: Layout, config: PackingConfig) -> None:
        self.snapshot = packed_as(source, config.profile)
        self._source = source
        self._layout = layout
        self._config = config
        self._run = uuid.uuid4().hex

    def run(self) -> tuple[Plan, Work]:
        """The plan as it is afterwards, and what was done; nothing is locked or written where nothing is to do."""
        plan = read_plan(self._layout, self.snapshot)
        if plan:
            self._check_same(plan)
            if not self._to_do(plan):
                return plan, Work()
        with storage.exclusive(self._layout.shards(self.snapshot), what=f"pack {self.snapshot}"):
            return self._complete(read_plan(self._layout, self.snapshot) or self._make_plan())

    def stats(self, plan: Plan) -> list[Stats]:
        return read_all_stats(self._layout, self.snapshot, range(plan.num_shards))

    def _to_do(self, plan: Plan) -> bool:
        if missing_shards(self._layout, self.snapshot, plan):
            return True
        return self._config.retry and num_open(self.stats(plan)) > 0

    def _make_plan(self) -> Plan:
        plan = make_plan(
            self.snapshot,
            self._source.references(),
            limits=self._config.limits,
            settings=self._source.settings,
            profile=self._config.profile,
            facts=self._source.facts(),
        )
        write_plan(self._layout, plan)
        return plan

    def _complete(self, plan: Plan) -> tuple[Plan, Work]:
        """Under the lock: the planned shards, or else the records that may be tried again."""
        remove_left_behind(self._layout.shards(self.snapshot))
        finish_erasures(self._layout, self.snapshot)
        plan = forget_unplanned(self._layout, self.snapshot, plan)
        if not missing_shards(self._layout, self.snapshot, plan):
            return self._retry(plan) if self._config.retry else (plan, Work())
        num_reused = reuse_shards(self._layout, self.snapshot, plan)
        missing = missing_shards(self._layout, self.snapshot, plan)
        tasks = self._dispatch(plan, self._layout).tasks(frozenset(missing))
        for _ in self._built(tasks, total=len(missing), what=f"pack {self.snapshot}"):
            pass
        return plan, Work(num_written=len(missing), num_reused=num_reused)

    def _retry(self, plan: Plan) -> tuple[Plan, Work]:
        opened = open_rows(self._layout, self.snapshot, plan)
        before = plan.num_shards
        if opened:
            tasks = self._dispatch(plan, self._layout.retries(self.snapshot)).tasks_of_rows(opened.keys())
            built = self._built(tasks, total=None, what=f"retry {len(opened)} records of {self.snapshot}")
            for grown in adopt(self._layout, self.snapshot, plan, built, opened):
                plan = grown
            storage.remove(self._layout.retries(self.snapshot).root)
        return plan, Work(num_written=plan.num_shards - before, num_retried=len(opened))

    def _built(self, tasks: Iterator[ShardTask], *, total: int | None, what: str) -> Iterator[tuple[int, Stats]]:
        finished = map_as_done(
            build_shard,
            tasks,
            num_workers=self._config.num_workers,
            what=what,
            total=total,
            on=self._config.on,
            ray_address=self._config.ray_address,
        )
        with closing(finished):
            yield from finished

    def _dispatch(self, plan: Plan, layout: Layout) -> Dispatch:
        def make_task(shard: int, references: list[Reference], repeated: frozenset[int]) -> ShardTask:
            return ShardTask(
                layout=layout,
                snapshot=self.snapshot,
                shard=shard,
                source=self._source,
                references=tuple(references),
                repeated=repeated,
                max_consecutive_failures=self._config.max_consecutive_failures,
                profile=self._config.profile,
                run=self._run,
                has_spare_core=self._config.on == "processes" and 0 < self._config.num_workers < num_cores(),
            )

        return Dispatch(
            source=self._source, layout=self._layout, snapshot=self.snapshot, plan=plan, make_task=make_task
        )

    def _check_same(self, plan: Plan) -> None:
        """A snapshot is packed with one set of limits and settings, or its shards would not belong together."""
        config = self._config
        asked = {**asdict(config.limits), **asdict(config.profile), "settings": self._source.settings}
        found = {**asdict(plan.limits), **asdict(plan.profile), "settings": plan.settings}
        for name, value in asked.items():
            if found[name] != value:
                raise ShardError(
                    f"{self._layout.plan(self.snapshot)}: planned with {name} = {found[name]}, asked for {value}. "
                    f"Ask for {found[name]}, or remove the snapshot's folder."
                )
