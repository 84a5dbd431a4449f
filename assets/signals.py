"""Measured facts about every sample, one family of columns per asset; one pass over the shards for all of them."""

from collections.abc import Iterator, Sequence

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from assets import upstream
from assets.charts import histogram
from assets.metadata import DATA_ENGINEERING, column_schema, headline
from assets.partitions import SNAPSHOTS
from assets.resources import Compute, CorpusStore
from assets.shards import shards
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.reading import read_sidecars
from pipelines.shards.sidecar import SUCCESS
from pipelines.signals.measuring import FamilyReport, measure, read_signals
from pipelines.signals.schema import FAMILIES, Family
from pipelines.signals.summaries import summarise

ASSETS = {name: f"{name}_signals" if family.modality else name for name, family in FAMILIES.items()}
"""Family -> asset."""
WHAT = {
    "image": "What each picture looks like: size, light, colour, sharpness, whether it is blank.",
    "text": "What each caption is like: length, language, repetition, addresses, flagged words.",
    "audio": "What each clip sounds like: length, loudness, clipping, silence, noise, bandwidth.",
    "fingerprints": "Short codes by which near-duplicate pictures, captions and clips are found.",
}
CHARTS = {
    "image": ("luminance_mean", "colourfulness", "sharpness"),
    "text": ("characters", "words"),
    "audio": ("duration_seconds", "loudness_lufs", "snr_db"),
}
"""The columns whose distribution an asset's page shows."""


def _spec(name: str, family: Family) -> dg.AssetSpec:
    return dg.AssetSpec(
        ASSETS[name],
        deps=[shards],
        description=f"{WHAT[name]} One row per sample (family `{family.key}`), null where a sample has no such part.",
        group_name="signals",
        kinds={"parquet", "numpy"},
        owners=DATA_ENGINEERING,
        code_version=str(family.version),
        partitions_def=SNAPSHOTS,
    )


@dg.multi_asset(
    name="signals",
    specs=[_spec(name, family) for name, family in FAMILIES.items()],
    can_subset=True,
)
def signals(
    context: dg.AssetExecutionContext, corpora: CorpusStore, compute: Compute
) -> Iterator[dg.MaterializeResult[None]]:
    """Measure the chosen families, each picture and clip decoded once for all of them."""
    snapshot, layout = upstream.snapshot(context), corpora.layout
    chosen = [name for name in FAMILIES if dg.AssetKey(ASSETS[name]) in context.selected_asset_keys]
    report = measure(layout, snapshot, families=chosen, num_workers=compute.num_workers)
    for name in chosen:
        yield _materialized(layout, snapshot, FAMILIES[name], report.families[name])


def _materialized(
    layout: Layout, snapshot: Snapshot, family: Family, report: FamilyReport
) -> dg.MaterializeResult[None]:
    meanings = {column.name: column.meaning for column in family.columns}
    return dg.MaterializeResult(
        asset_key=ASSETS[family.name],
        data_version=dg.DataVersion(report.digest),
        metadata={
            "headline": headline(f"{report.num_samples:,} samples, {len(family.columns)} figures each"),
            **distributions(layout, snapshot, family.key, CHARTS.get(family.name, ())),
            "dagster/partition_row_count": report.num_samples,
            "dagster/uri": layout.signals(family.key, snapshot),
            "dagster/column_schema": column_schema(family.arrow, meanings),
            "num_shards_measured": report.num_shards_measured,
            "seconds": report.seconds,
        },
    )


def distributions(
    layout: Layout, snapshot: Snapshot, family: str, names: Sequence[str]
) -> dict[str, dg.MarkdownMetadataValue]:
    """Column -> how its values are distributed, for those that have any."""
    found = {column.name: column for column in summarise(layout, snapshot, family).columns} if names else {}
    return {
        name: histogram(column.counts, low=column.minimum, median=column.median, high=column.maximum)
        for name in names
        if (column := found.get(name))
    }


def measured_check(name: str) -> dg.AssetChecksDefinition:
    """The check that a family has one row for every sample of the shards."""

    @dg.asset_check(
        asset=dg.AssetKey(ASSETS[name]),
        name="every_sample_is_measured",
        blocking=True,
        description="Every sample of the shards has a row: nothing unmeasured can pass a policy.",
    )
    def every_sample_is_measured(context: dg.AssetCheckExecutionContext, corpora: CorpusStore) -> dg.AssetCheckResult:
        snapshot = upstream.snapshot(context, dg.AssetKey(ASSETS[name]))
        unmeasured = num_unmeasured(corpora.layout, snapshot, name)
        return dg.AssetCheckResult(passed=unmeasured == 0, metadata={"num_unmeasured": unmeasured})

    return every_sample_is_measured


def num_unmeasured(layout: Layout, snapshot: Snapshot, family: str) -> int:
    """Samples of the shards without a row in the family."""
    records = read_sidecars(layout, snapshot)
    samples = records.filter(pc.equal(records["status"], pa.scalar(SUCCESS)))["uid"]
    measured = read_signals(layout, snapshot, [family])["uid"].combine_chunks()
    return len(samples.filter(pc.invert(pc.is_in(samples, value_set=measured))))


CHECKS = [measured_check(name) for name in FAMILIES]
