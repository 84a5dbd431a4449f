"""Measure a snapshot: only the families and shards that are missing, on processes of this machine or on Ray."""

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from pipelines.errors import SignalError
from pipelines.layout import Layout
from pipelines.parallel import Place, map_as_done
from pipelines.samples import Snapshot
from pipelines.shards.snapshots import remove_left_behind
from pipelines.signals.costs import Cost, add_cost
from pipelines.signals.files import Shards, open_shards, read_signals
from pipelines.signals.reusing import reuse_signals
from pipelines.signals.schema import FAMILIES, Family, family_of
from pipelines.signals.tasks import Measured, ShardTask, measure_shard

__all__ = ["FamilyReport", "MeasureReport", "measure", "measure_shard", "read_signals"]


@dataclass(frozen=True, kw_only=True, slots=True)
class FamilyReport:
    """One family over one snapshot."""

    key: str
    num_samples: int
    num_shards_measured: int
    """By this call; 0 where everything was there."""
    num_shards_reused: int
    """Linked by this call from another snapshot of the corpus that holds the same shards."""
    num_samples_measured: int
    """By this call."""
    seconds: float
    """Of all workers together, in this call; decoding counts for the first family that needed it."""
    num_samples_in_all: int
    """Measured for this snapshot by this call and earlier ones; linked ones were measured for another."""
    seconds_in_all: float
    digest: str
    """sha256 over the names and content of its files: the data version."""

    @property
    def samples_per_second(self) -> float | None:
        """Of one worker, over all calls; None where everything was linked."""
        return self.num_samples_in_all / max(self.seconds_in_all, 1e-9) if self.num_samples_in_all else None


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasureReport:
    """What is known of a snapshot, and what this call did for it."""

    snapshot: Snapshot
    num_samples: int
    num_shards: int
    families: Mapping[str, FamilyReport]
    """By name."""
    seconds: float


@dataclass(kw_only=True, slots=True)
class _Work:
    """What one family lacks, and what became of it."""

    family: Family
    digest: str | None
    reused: Mapping[int, str] = field(default_factory=dict)
    missing: frozenset[int] = frozenset()
    written: dict[int, str] = field(default_factory=dict)
    num_samples: int = 0
    seconds: float = 0.0

    def add(self, shard: int, measured: Measured) -> None:
        self.written[shard] = measured.file_sha256
        self.num_samples += measured.num_samples
        self.seconds += measured.seconds


def measure(
    layout: Layout,
    snapshot: Snapshot,
    *,
    families: Sequence[str] = tuple(FAMILIES),
    num_workers: int = 0,
    on: Place = "processes",
    ray_address: str | None = None,
) -> MeasureReport:
    """Write what is missing of (family, version, shard); what was finished before is not read again.

    A shard that another snapshot of the corpus holds too is linked where it was measured there. The files are the same
    for any number of workers, anywhere; `num_workers` 0 is one for each core, or for each core of the cluster.
    """
    start = time.monotonic()
    if num_workers < 0:
        raise SignalError(f"num_workers = {num_workers}: expected 1 or more, or 0 for one per core.")
    wanted = [family_of(name) for name in dict.fromkeys(families)]
    shards = open_shards(layout, snapshot)
    works = {family.name: _work(shards, family) for family in wanted}
    lacking = sorted(frozenset[int]().union(*(work.missing for work in works.values())))
    finished = map_as_done(
        measure_shard,
        (_task(shards, shard, works) for shard in lacking),
        num_workers=num_workers,
        what=f"measure {snapshot}",
        total=len(lacking),
        on=on,
        ray_address=ray_address,
    )
    with closing(finished):
        for position, found in finished if lacking else ():
            for name, measured in found.items():
                works[name].add(lacking[position], measured)
    return MeasureReport(
        snapshot=snapshot,
        num_samples=shards.num_samples,
        num_shards=len(shards.tars),
        families={name: _report(shards, work) for name, work in works.items()},
        seconds=time.monotonic() - start,
    )


def _work(shards: Shards, family: Family) -> _Work:
    """Links what it can; the rest is missing."""
    digest = shards.recall(family.key)
    if digest is not None:
        return _Work(family=family, digest=digest)
    missing = shards.missing(family.key)
    remove_left_behind(shards.layout.signals(family.key, shards.snapshot))
    shards.forget(family.key, missing)
    reused = reuse_signals(shards, family.key, missing)
    return _Work(family=family, digest=None, reused=reused, missing=frozenset(missing) - reused.keys())


def _task(shards: Shards, shard: int, works: Mapping[str, _Work]) -> ShardTask:
    """Made as a worker asks for it."""
    return ShardTask(
        layout=shards.layout,
        snapshot=shards.snapshot,
        shard=shard,
        tar_sha256=shards.tars[shard],
        families=tuple(name for name, work in works.items() if shard in work.missing),
    )


def _report(shards: Shards, work: _Work) -> FamilyReport:
    key = work.family.key
    digest = work.digest or shards.remember(key, written={**work.reused, **work.written})
    spent = Cost(num_samples=work.num_samples, seconds=work.seconds)
    cost = add_cost(shards.layout, key, shards.snapshot, spent)
    return FamilyReport(
        key=key,
        num_samples=shards.num_samples,
        num_shards_measured=len(work.missing),
        num_shards_reused=len(work.reused),
        num_samples_measured=work.num_samples,
        seconds=work.seconds,
        num_samples_in_all=cost.num_samples,
        seconds_in_all=cost.seconds,
        digest=digest,
    )
