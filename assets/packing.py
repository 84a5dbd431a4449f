"""What a person may set about packing, and what a packed snapshot says of itself in Dagster."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import dagster as dg
from pydantic import Field

from assets.markdown import Markup, counts, plain, share, table
from assets.metadata import column_schema, headline, samples_table, strip
from pipelines.errors import SourceError
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.accounting import PackReport
from pipelines.shards.failing import Reason, common_reasons
from pipelines.shards.media import MediaProfile
from pipelines.shards.packing import PackingConfig
from pipelines.shards.reading import read_members
from pipelines.shards.requests import Downloads, summarise_downloads
from pipelines.shards.sidecar import DUPLICATE_KEY, NO_FAILURES, SIDECAR
from pipelines.shards.snapshots import num_shards, read_stats

NUM_SAMPLES_SHOWN = 8
_DEFAULTS = PackingConfig()


class ShardsConfig(dg.Config):
    """How records are packed; what is left out is as the package has it."""

    samples_per_shard: int = Field(
        default=_DEFAULTS.samples_per_shard,
        description="Samples in a shard, 1 or more. Part of the plan: a snapshot that was begun keeps what it has.",
    )
    target_bytes: int = Field(
        default=_DEFAULTS.target_bytes,
        description="A shard is closed before the media it is known to hold exceed this many bytes. Part of the plan.",
    )
    max_failure_rate: float = Field(
        default=_DEFAULTS.max_failure_rate,
        description="The asset fails where a larger share of the records (0 to 1) cannot be packed.",
    )
    max_consecutive_failures: int = Field(
        default=_DEFAULTS.max_consecutive_failures,
        description="The asset fails at once after so many bad records in a row: the source is away, not the records.",
    )
    retry: bool = Field(
        default=_DEFAULTS.retry,
        description="Of a snapshot that is whole, try those records again that failed for a reason that may have "
        "passed (timeouts, HTTP 429 and 5xx).",
    )
    media_check: str | None = Field(
        default=None,
        description="'decode' finds every broken picture and clip; 'header' is faster and for bytes that were checked "
        "before. What is done to media is in the partition's name: <snapshot>-train256q92a16 has shorter sides of 256 "
        "pixels, JPEG of quality 92 and mono FLAC at 16 kHz. Left out: as the corpus's catalog entry says.",
    )
    num_workers: int | None = Field(
        default=None,
        description="Processes that pack; 0 is one for each core. Left out: as the resource `compute` says.",
    )

    def packing(self, *, profile: MediaProfile, num_workers: int) -> PackingConfig:
        """The same for `pack`; `SourceError` says which value is wrong and what is expected."""
        values = self.model_dump(exclude={"num_workers", "media_check"})
        try:
            return PackingConfig(
                **values,
                profile=replace(profile, check=self.media_check or profile.check),
                num_workers=num_workers if self.num_workers is None else self.num_workers,
            )
        except SourceError as error:
            raise SourceError(f"config of shards: {error} Change it in the launchpad, or leave it out.") from error


def describe(layout: Layout, report: PackReport, *, started: float) -> dict[str, Any]:
    """Metadata of a packed snapshot, what matters most first; writes its HTML page."""
    from pipelines.reporting.packed import write_packed_page

    snapshot = report.snapshot
    shown = list(_shown(layout, snapshot))
    reasons = common_reasons(layout, snapshot) if num_failed(report) else []
    downloads = summarise_downloads(layout, snapshot)
    page = write_packed_page(layout, report, reasons=reasons, downloads=downloads)
    return {
        "headline": headline(_headline(report)),
        "thumbnails": strip([image for image, _, _ in shown if image is not None]),
        "samples": samples_table(shown),
        "page": dg.MetadataValue.path(page),
        "by_status": counts("status", report.num_by_status, of=report.num_records),
        **({"failures": failures_table(reasons, num_records=report.num_records)} if reasons else {}),
        **(_downloads(downloads) if downloads else {}),
        **_composition(report),
        **_work(layout, report, started),
        **_figures(report),
        "dagster/partition_row_count": report.num_samples,
        "dagster/uri": layout.shards(snapshot),
        "columns": column_schema(SIDECAR),  # not as dagster/column_schema: 36 rows before the first picture
    }


def num_failed(report: PackReport) -> int:
    """Records that could not be packed; one that stands twice in the source is no failure."""
    return report.num_records - sum(report.num_by_status.get(status, 0) for status in NO_FAILURES)


def failures_table(reasons: Sequence[Reason], *, num_records: int) -> dg.MarkdownMetadataValue:
    """The most frequent reasons, each with one record that it befell."""
    return table(
        ["records", "share", "status", "reason, and the first record"],
        (
            [
                one.num_records,
                share(one.num_records, num_records),
                one.status,
                Markup(f"{plain(one.message)} (such as {plain(one.reference)})"),
            ]
            for one in reasons
        ),
    )


def _headline(report: PackReport) -> str:
    failed, repeated = num_failed(report), report.num_by_status.get(DUPLICATE_KEY, 0)
    parts = [
        f"{report.num_samples:,} samples in {report.num_shards:,} shards, {report.num_bytes / 1e6:,.0f} MB",
        f"{failed:,} failed ({share(failed, report.num_records)})",
        *([f"{repeated:,} listed twice"] if repeated else []),
    ]
    return ", ".join(parts)


def _figures(report: PackReport) -> dict[str, Any]:
    return {
        "num_records": report.num_records,
        "num_samples": report.num_samples,
        "num_failed": num_failed(report),
        "num_duplicate_keys": report.num_by_status.get(DUPLICATE_KEY, 0),
        "num_shards": report.num_shards,
        "num_bytes": report.num_bytes,
        "num_by_license": dict(sorted(report.num_by_license.items(), key=lambda item: -item[1])[:1000]),
    }


def _composition(report: PackReport) -> dict[str, Any]:
    return {
        "by_modalities": counts("parts", report.num_by_modalities, of=report.num_samples),
        "by_language": counts("language", report.num_by_language, of=report.num_samples),
        "by_license": counts("license", report.num_by_license, of=report.num_samples),
    }


def _downloads(found: Downloads) -> dict[str, Any]:
    hosts = ([one.host, one.num_urls, one.num_failed, one.num_slow, one.num_requests] for one in found.worst_hosts())
    return {
        "downloads_by_outcome": counts("outcome", found.by_outcome, of=found.num_urls),
        "downloads_by_http_status": counts("HTTP status", found.by_http_status, of=found.num_urls),
        "downloads_by_consent": counts("consent", found.by_consent, of=found.num_urls),
        "hosts": table(["host that failed or was slow", "URLs", "failed", "slow", "requests"], hosts),
        "num_urls": found.num_urls,
        "num_requests": found.num_requests,
        "num_downloaded_bytes": found.num_bytes,
    }


def _work(layout: Layout, report: PackReport, started: float) -> dict[str, Any]:
    """What this run did, and how fast; nothing of speed where everything was there."""
    done = {
        "num_shards_written": report.num_shards_written,
        "num_shards_reused": report.num_shards_reused,
        "num_retried": report.num_retried,
        "seconds": round(report.seconds, 3),
    }
    if not report.num_shards_written:
        return done
    stats = (read_stats(layout, report.snapshot, shard) for shard in range(num_shards(layout, report.snapshot)))
    packed = sum(int(str(one["successes"])) for one in stats if float(str(one.get("start_time", 0))) >= started)
    return {**done, "samples_per_second": round(packed / max(report.seconds, 1e-9), 1)}


def _shown(layout: Layout, snapshot: Snapshot) -> Iterator[tuple[bytes | None, bytes | None, dict[str, Any]]]:
    """(picture, clip, row) of a few samples, spread over all shards."""
    from pipelines.reporting.choosing import spread_samples

    for row in spread_samples(layout, snapshot, NUM_SAMPLES_SHOWN):
        yield _member(layout, snapshot, row, "image"), _member(layout, snapshot, row, "audio"), row


def _member(layout: Layout, snapshot: Snapshot, row: dict[str, Any], part: str) -> bytes | None:
    if row[f"{part}_offset"] is None:
        return None
    (data,) = read_members(layout.tar(snapshot, row["shard"]), [(row[f"{part}_offset"], row[f"{part}_size"])])
    return data
