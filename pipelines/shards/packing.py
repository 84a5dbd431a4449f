"""A source into the shards of one snapshot: what is there is kept, what is missing is built, the rest is counting."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipelines import storage
from pipelines.errors import ShardError, SourceError
from pipelines.layout import Layout
from pipelines.parallel import map_shards
from pipelines.samples import Snapshot
from pipelines.shards.building import ShardTask, build_shard
from pipelines.shards.planning import Plan, make_plan, read_plan, repeated_rows, write_plan
from pipelines.shards.sidecar import DUPLICATE_KEY, SUCCESS
from pipelines.shards.snapshots import (
    Stats,
    digest_of_stats,
    missing_shards,
    num_shards,
    read_stats,
    remove_left_behind,
    snapshot_digest,
)
from pipelines.sources.source import Source

__all__ = ["PackReport", "PackingConfig", "num_shards", "pack", "snapshot_digest"]

_MIN_RECORDS_FOR_RATE = 100  # of fewer, one bad file says nothing about the source


@dataclass(frozen=True, kw_only=True, slots=True)
class PackingConfig:
    """How a source is cut into shards, and how much of it may be bad."""

    samples_per_shard: int = 1000
    max_failure_rate: float = 0.05
    """Of all records, in [0, 1]; judged on 100 records or more, and a snapshot without any sample always fails."""
    max_consecutive_failures: int = 100
    num_workers: int = 2

    def __post_init__(self) -> None:
        for name in ("samples_per_shard", "max_consecutive_failures", "num_workers"):
            if getattr(self, name) < 1:
                raise SourceError(f"{name} = {getattr(self, name)}: expected 1 or more.")
        if not 0 <= self.max_failure_rate <= 1:
            raise SourceError(f"max_failure_rate = {self.max_failure_rate}: expected a rate in [0, 1].")


@dataclass(frozen=True, kw_only=True, slots=True)
class PackReport:
    """What a snapshot consists of, and what this call did for it."""

    snapshot: Snapshot
    num_records: int
    num_samples: int
    num_shards: int
    num_shards_written: int
    """By this call; 0 where everything was there."""
    num_by_status: dict[str, int]
    num_by_modalities: dict[str, int]
    """`image+text+audio` -> samples."""
    num_by_language: dict[str, int]
    num_by_license: dict[str, int]
    num_bytes: int
    digest: str
    """Over the ordered tar digests: the data version."""
    seconds: float
    facts: dict[str, str | int]
    """What the source says of itself."""


def pack(source: Source, *, layout: Layout, config: PackingConfig | None = None) -> PackReport:
    """Build the missing shards of the source's present snapshot; `SourceError` where too many records are bad."""
    config = config or PackingConfig()
    start = time.monotonic()
    snapshot = Snapshot(corpus=source.corpus, snapshot=source.snapshot)
    plan = read_plan(layout, snapshot)
    if plan:
        _check_setting(plan, config, layout.plan(snapshot))
    missing = missing_shards(layout, snapshot, plan) if plan else []
    if plan is None or missing:
        plan, missing = _build(source, snapshot, layout, config, plan)
    stats = [read_stats(layout, snapshot, shard) for shard in range(plan.num_shards)]
    _check_failures(layout, snapshot, stats, config)
    return _report(plan, snapshot, stats, num_written=len(missing), seconds=time.monotonic() - start)


def _build(
    source: Source, snapshot: Snapshot, layout: Layout, config: PackingConfig, earlier: Plan | None
) -> tuple[Plan, list[int]]:
    references = tuple(source.references())
    plan = make_plan(snapshot, references, samples_per_shard=config.samples_per_shard, facts=source.facts())
    if earlier is None:
        write_plan(layout, plan)
    elif earlier.references_sha256 != plan.references_sha256:
        raise ShardError(
            f"{snapshot}: the source lists {plan.num_references} records that are not the {earlier.num_references} "
            f"planned under this name. Remove {layout.shards(snapshot)} and pack again."
        )
    remove_left_behind(layout, snapshot)
    missing = missing_shards(layout, snapshot, plan)
    repeated = repeated_rows(references)
    tasks = [
        ShardTask(
            layout=layout,
            snapshot=snapshot,
            shard=shard,
            source=source,
            references=references[rows.start : rows.stop],
            repeated=frozenset(row - rows.start for row in repeated.intersection(rows)),
            max_consecutive_failures=config.max_consecutive_failures,
        )
        for shard, rows in ((shard, plan.rows(shard)) for shard in missing)
    ]
    map_shards(build_shard, tasks, num_workers=config.num_workers, what=f"pack {snapshot}")
    return plan, missing


def _check_setting(plan: Plan, config: PackingConfig, uri: str) -> None:
    if plan.samples_per_shard != config.samples_per_shard:
        raise ShardError(
            f"{uri}: planned with samples_per_shard = {plan.samples_per_shard}, asked for {config.samples_per_shard}. "
            f"Ask for {plan.samples_per_shard}, or remove the snapshot's folder."
        )


def _check_failures(layout: Layout, snapshot: Snapshot, stats: Sequence[Stats], config: PackingConfig) -> None:
    by_status = _sum(stats, "status_dict")
    num_records = by_status.total()
    num_failed = num_records - by_status[SUCCESS] - by_status[DUPLICATE_KEY]
    too_many = num_records >= _MIN_RECORDS_FOR_RATE and num_failed > config.max_failure_rate * num_records
    if too_many or not by_status[SUCCESS]:
        raise SourceError(
            f"{snapshot}: {num_failed} of {num_records} records failed, "
            f"allowed is a rate of {config.max_failure_rate}. "
            f"First: {'; '.join(_first_failures(layout, snapshot, len(stats)))}. "
            "Mend the source and pack again, or raise max_failure_rate."
        )


def _first_failures(layout: Layout, snapshot: Snapshot, count: int, at_most: int = 3) -> list[str]:
    found: list[str] = []
    for shard in range(count):
        table = storage.read_table(layout.sidecar(snapshot, shard), ["reference", "status", "error_message"])
        failed = (row for row in table.to_pylist() if row["status"] not in {SUCCESS, DUPLICATE_KEY})
        found += [f"{row['reference']} ({row['status']}: {row['error_message']})" for row in failed]
        if len(found) >= at_most:
            break
    return found[:at_most]


def _sum(stats: Sequence[Stats], key: str) -> Counter[str]:
    total: Counter[str] = Counter()
    for one in stats:
        counts = one[key]
        assert isinstance(counts, Mapping)
        total.update(counts)
    return total


def _report(plan: Plan, snapshot: Snapshot, stats: Sequence[Stats], *, num_written: int, seconds: float) -> PackReport:
    by_status = _sum(stats, "status_dict")
    return PackReport(
        snapshot=snapshot,
        num_records=by_status.total(),
        num_samples=by_status[SUCCESS],
        num_shards=plan.num_shards,
        num_shards_written=num_written,
        num_by_status=dict(by_status.most_common()),
        num_by_modalities=dict(_sum(stats, "n_by_parts").most_common()),
        num_by_language=dict(_sum(stats, "n_by_language").most_common()),
        num_by_license=dict(_sum(stats, "n_by_license").most_common()),
        num_bytes=sum(int(str(one["tar_bytes"])) for one in stats),
        digest=digest_of_stats(stats),
        seconds=seconds,
        facts=dict(plan.facts),
    )
