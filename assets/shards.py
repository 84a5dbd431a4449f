"""Records packed into tar files that never change, and the checks that they are what they say."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pyarrow.compute as pc

from assets import upstream
from assets.metadata import DATA_ENGINEERING, column_schema, counts, gallery, headline, strip
from assets.partitions import SNAPSHOTS
from assets.resources import Compute, CorpusStore
from assets.sources import present_source, source_records
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.packing import PackingConfig, PackReport, pack
from pipelines.shards.reading import read_members, read_sidecar
from pipelines.shards.sidecar import SIDECAR
from pipelines.shards.verifying import verify
from pipelines.storage import exists, write_json

NUM_THUMBNAILS = 8
FEW_FAILURES = 0.01
NO_LICENSE = ("", "unknown", "None")


@dg.asset(
    deps=[source_records],
    partitions_def=SNAPSHOTS,
    group_name="shards",
    kinds={"webdataset", "parquet"},
    owners=DATA_ENGINEERING,
    code_version="1",
)
def shards(context: dg.AssetExecutionContext, corpora: CorpusStore, compute: Compute) -> dg.MaterializeResult[None]:
    """Every record as a sample in WebDataset tar files, with one Parquet row for it beside them, failures included.

    Packing the same input twice gives the same bytes; the digest of the tars is the data version. Only shards that
    are missing are built.
    """
    snapshot, layout = upstream.snapshot(context), corpora.layout
    config = PackingConfig(num_workers=compute.num_workers)
    report = pack(present_source(corpora, snapshot), layout=layout, config=config)
    shown = list(pictures(layout, snapshot))
    num_failed = report.num_records - report.num_samples
    return dg.MaterializeResult(
        data_version=dg.DataVersion(report.digest),
        metadata={
            "headline": headline(
                f"{report.num_samples:,} samples in {report.num_shards:,} shards, "
                f"{report.num_bytes / 1e6:,.0f} MB, {num_failed:,} failed"
            ),
            "thumbnails": strip([image for _, image in shown]),
            "pictures": gallery(shown),
            "dagster/partition_row_count": report.num_samples,
            "dagster/uri": layout.shards(snapshot),
            "columns": column_schema(SIDECAR),  # not as dagster/column_schema: 36 rows before the first picture
            **_figures(report),
        },
    )


def _figures(report: PackReport) -> dict[str, Any]:
    return {
        "num_records": report.num_records,
        "num_samples": report.num_samples,
        "num_shards": report.num_shards,
        "num_shards_written": report.num_shards_written,
        "num_bytes": report.num_bytes,
        "by_status": counts("status", report.num_by_status),
        "by_modalities": counts("parts", report.num_by_modalities),
        "by_language": counts("language", report.num_by_language),
        "by_license": counts("license", report.num_by_license),
        "num_without_license": sum(report.num_by_license.get(name, 0) for name in NO_LICENSE),
    }


def pictures(layout: Layout, snapshot: Snapshot) -> Iterator[tuple[str, bytes]]:
    """(caption, image) of a few samples, spread over the first shard."""
    rows = read_sidecar(layout, snapshot, 0)
    rows = rows.filter(pc.is_valid(rows["image_size"])).select(["caption", "image_offset", "image_size"])
    chosen = rows.to_pylist()[:: max(1, len(rows) // NUM_THUMBNAILS)][:NUM_THUMBNAILS]
    ranges = [(row["image_offset"], row["image_size"]) for row in chosen]
    images = read_members(layout.tar(snapshot, 0), ranges)
    return zip((row["caption"] or "" for row in chosen), images, strict=True)


@dg.asset_check(asset=shards, blocking=True)
def shards_are_intact(context: dg.AssetCheckExecutionContext, corpora: CorpusStore) -> dg.AssetCheckResult:
    """Every tar has the bytes, and every sidecar the rows, that were committed; read in full once per data version."""
    snapshot, layout = upstream.snapshot(context, shards), corpora.layout
    digest = upstream.latest(context, shards).data_version
    seal = layout.report(f"verified/{snapshot}/{digest}.json")
    if exists(seal):
        return dg.AssetCheckResult(passed=True, metadata={"verified_before": seal})
    report = verify(layout, snapshot)
    if not report.problems:
        write_json(seal, {"digest": digest, "num_samples": report.num_samples})
    return dg.AssetCheckResult(
        passed=not report.problems,
        metadata={"num_samples": report.num_samples, "problems": "\n".join(report.problems[:20]) or "none"},
    )


@dg.asset_check(asset=shards)
def few_failures(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """At most one record in a hundred could not be packed; the statuses say why the others could not."""
    packed = upstream.latest(context, shards)
    rate = 1 - packed["num_samples"] / max(packed["num_records"], 1)
    return dg.AssetCheckResult(
        passed=rate <= FEW_FAILURES,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"failure_rate": rate, "at_most": FEW_FAILURES},
    )


@dg.asset_check(asset=shards)
def licences_are_known(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """Every sample names the licence it may be used under."""
    unknown = upstream.latest(context, shards)["num_without_license"]
    return dg.AssetCheckResult(
        passed=unknown == 0,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{unknown:,} samples without a licence: name it in the catalog, or in a JSON file beside them.",
        metadata={"num_without_license": unknown},
    )
