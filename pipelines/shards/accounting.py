"""What a snapshot consists of, summed over the stats of its shards, and whether too much of it failed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipelines.errors import SourceError
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.failing import common_reasons
from pipelines.shards.planning import Plan
from pipelines.shards.sidecar import NO_FAILURES, SUCCESS, WITHDRAWN
from pipelines.shards.snapshots import Stats, digest_of_stats

_MIN_RECORDS_FOR_RATE = 100  # of fewer, one bad file says nothing about the source


@dataclass(frozen=True, kw_only=True, slots=True)
class PackReport:
    """What a snapshot consists of, and what this call did for it."""

    snapshot: Snapshot
    num_records: int
    num_samples: int
    num_shards: int
    num_shards_written: int
    """By this call; 0 where everything was there."""
    num_shards_reused: int
    """Of an earlier snapshot, by this call."""
    num_retried: int
    """Records that were tried again by this call."""
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """What one call of `pack` did."""

    num_written: int = 0
    num_reused: int = 0
    num_retried: int = 0


def make_report(plan: Plan, snapshot: Snapshot, stats: Sequence[Stats], work: Work, *, seconds: float) -> PackReport:
    """The counts of all shards; a record that was tried again counts as it ended."""
    by_status = num_by_status(stats)
    return PackReport(
        snapshot=snapshot,
        num_records=by_status.total(),
        num_samples=by_status[SUCCESS],
        num_shards=plan.num_shards,
        num_shards_written=work.num_written,
        num_shards_reused=work.num_reused,
        num_retried=work.num_retried,
        num_by_status=dict(by_status.most_common()),
        num_by_modalities=dict(_sum(stats, "n_by_parts").most_common()),
        num_by_language=dict(_sum(stats, "n_by_language").most_common()),
        num_by_license=dict(_sum(stats, "n_by_license").most_common()),
        num_bytes=sum(int(str(one["tar_bytes"])) for one in stats),
        digest=digest_of_stats(stats),
        seconds=seconds,
        facts=dict(plan.facts),
    )


def num_by_status(stats: Sequence[Stats]) -> Counter[str]:
    """Of the records, each once."""
    return _sum(stats, "status_dict") - _sum(stats, "superseded")


def check_failures(layout: Layout, snapshot: Snapshot, stats: Sequence[Stats], *, max_failure_rate: float) -> None:
    """`SourceError` that names the first failures where they are too many, or nothing succeeded."""
    by_status = num_by_status(stats)
    num_records = by_status.total()
    num_failed = num_records - sum(by_status[status] for status in NO_FAILURES)
    too_many = num_records >= _MIN_RECORDS_FOR_RATE and num_failed > max_failure_rate * num_records
    if too_many or not by_status[SUCCESS] + by_status[WITHDRAWN]:
        raise SourceError(
            f"{snapshot}: {num_failed} of {num_records} records failed, "
            f"allowed is a rate of {max_failure_rate}. "
            f"Most often: {'; '.join(map(str, common_reasons(layout, snapshot, at_most=3)))}. "
            "Mend the source and pack again, or raise max_failure_rate."
        )


def _sum(stats: Sequence[Stats], key: str) -> Counter[str]:
    total: Counter[str] = Counter()
    for one in stats:
        counts = one.get(key, {})
        assert isinstance(counts, Mapping)
        total.update(counts)
    return total
