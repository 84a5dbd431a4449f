"""Measured facts about every sample, one family of columns per asset; one pass over the shards for all of them."""

from collections.abc import Iterator

import dagster as dg
from pydantic import Field

from assets import soundness, upstream
from assets.measured import TELLING, describe
from assets.metadata import DATA_ENGINEERING
from assets.partitions import SNAPSHOTS
from assets.resources import Compute, CorpusStore
from assets.shards import shards
from pipelines.signals.drifting import THRESHOLD, find_drift, snapshot_before
from pipelines.signals.measuring import measure
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
        yield dg.MaterializeResult(
            asset_key=ASSETS[name],
            data_version=dg.DataVersion(report.families[name].digest),
            metadata=describe(layout, snapshot, FAMILIES[name], report.families[name]),
        )


class DriftConfig(dg.Config):
    """When two snapshots of a corpus are no longer the same population."""

    threshold: float = Field(
        default=THRESHOLD,
        description="Population stability index of a column above which it is said to have drifted; 0.1 is strict, "
        "0.25 lenient. What chance alone explains in a small snapshot is never said to be drift.",
    )


def sound_check(name: str) -> dg.AssetChecksDefinition:
    """The checks of a family's files, in one pass over them."""
    asset = dg.AssetKey(ASSETS[name])
    has_numbers = any(column.range for column in FAMILIES[name].columns)
    said = {
        soundness.MEASURED: "Every sample of the shards has a row: nothing unmeasured can pass a policy.",
        soundness.NULLS: "A figure is null only where the sample has no such part, or where the column says when.",
        **({soundness.RANGE: "Every value lies in the range that the schema states."} if has_numbers else {}),
    }
    specs = [dg.AssetCheckSpec(check, asset=asset, blocking=True, description=words) for check, words in said.items()]

    @dg.multi_asset_check(name=f"{ASSETS[name]}_are_sound", specs=specs, can_subset=True)
    def signals_are_sound(
        context: dg.AssetCheckExecutionContext, corpora: CorpusStore
    ) -> Iterator[dg.AssetCheckResult]:
        snapshot = upstream.snapshot(context, asset)
        summary = summarise(corpora.layout, snapshot, name)
        command = (
            f"python -m pipelines measure --root {corpora.layout.root} --corpus {snapshot.corpus} "
            f"--snapshot {snapshot.snapshot} --signals {name}"
        )
        for check, judge in soundness.JUDGES.items():
            if dg.AssetCheckKey(asset, check) in context.selected_asset_check_keys:
                yield judge(asset, summary, command=command)

    return signals_are_sound


def drift_check(name: str) -> dg.AssetChecksDefinition:
    """The check that a family is distributed as in the corpus's last other snapshot."""
    asset, key = dg.AssetKey(ASSETS[name]), FAMILIES[name].key

    @dg.asset_check(
        asset=asset,
        name=soundness.DRIFT,
        description="No column is distributed otherwise than in the corpus's last other snapshot, by the population "
        "stability index over its deciles.",
    )
    def distribution_is_stable(
        context: dg.AssetCheckExecutionContext, config: DriftConfig, corpora: CorpusStore
    ) -> dg.AssetCheckResult:
        snapshot = upstream.snapshot(context, asset)
        before = snapshot_before(corpora.layout, snapshot, key)
        found = [] if before is None else find_drift(
            summarise(corpora.layout, before, name), summarise(corpora.layout, snapshot, name)
        )  # fmt: skip
        return soundness.drift(asset, found, before=before, threshold=config.threshold)

    return distribution_is_stable


CHECKS = [
    *(sound_check(name) for name in FAMILIES),
    *(drift_check(name) for name in TELLING),
]
