"""What is kept and why: duplicates, the curated view, and the checks that stand before training."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from assets import upstream
from assets.charts import ORANGE, bars
from assets.markdown import counts, table
from assets.metadata import DATA_ENGINEERING, headline
from assets.partitions import SNAPSHOTS
from assets.resources import CorpusStore
from assets.signals import ASSETS, signals
from pipelines.curation.contamination import check_leakage
from pipelines.curation.curating import ViewReport, curate
from pipelines.curation.duplicates import find_duplicates
from pipelines.curation.policy import load_policy
from pipelines.curation.splits import Split
from pipelines.curation.views import View, open_view
from pipelines.layout import Layout
from pipelines.reporting.storing import write_card
from pipelines.samples import Snapshot

MIN_TRAINING_SAMPLES = 64
MIN_EVALUATION_SAMPLES = 10


class PolicyConfig(dg.Config):
    """Which policy decides, with which parameters."""

    policy: str = "default"
    """A bundled policy's name, or the path of a SQL file."""
    params: Mapping[str, str] = {}
    """Values for the policy's `$name` parameters, as text."""


@dg.asset(
    deps=[dg.AssetKey(ASSETS["fingerprints"])],
    partitions_def=SNAPSHOTS,
    group_name="curation",
    kinds={"duckdb", "parquet"},
    owners=DATA_ENGINEERING,
    code_version="1",
)
def duplicates(context: dg.AssetExecutionContext, corpora: CorpusStore) -> dg.MaterializeResult[None]:
    """Samples that show the same picture or say the same thing, grouped, with the best of each group marked."""
    report = find_duplicates(corpora.layout, [upstream.snapshot(context)])
    return dg.MaterializeResult(
        data_version=dg.DataVersion(report.digest),
        metadata={
            "headline": headline(f"{report.num_duplicates:,} duplicates in {report.num_components:,} groups"),
            "num_duplicates": report.num_duplicates,
            "num_components": report.num_components,
            "by_kind": counts("kind", report.num_by_kind),
            "dagster/uri": report.uri,
        },
    )


@dg.asset(
    deps=[signals, duplicates],
    partitions_def=SNAPSHOTS,
    group_name="curation",
    kinds={"duckdb", "sql"},
    owners=DATA_ENGINEERING,
    code_version="1",
)
def curated_view(
    context: dg.AssetExecutionContext, config: PolicyConfig, corpora: CorpusStore
) -> dg.MaterializeResult[None]:
    """What a SQL policy keeps of a snapshot, with a verdict and a reason for every sample.

    Nothing is copied or deleted: a view is a list of uids over the same shards. Another threshold is another view.
    """
    return view_of(corpora.layout, upstream.snapshot(context), config)


def view_of(
    layout: Layout, snapshot: Snapshot, config: PolicyConfig, alignment: str | None = None
) -> dg.MaterializeResult[None]:
    """Curate, and say what was kept."""
    policy = load_policy(config.policy)
    report = curate(
        layout,
        [snapshot],
        policy=policy,
        view=f"{snapshot.corpus}-{policy.name}"[:64],
        params=config.params,
        alignment=alignment,
    )
    view = open_view(layout, report.view, report.digest)
    return dg.MaterializeResult(data_version=dg.DataVersion(report.digest), metadata=_view_metadata(view, report))


def _view_metadata(view: View, report: ViewReport) -> dict[str, Any]:
    dropped = {fault: number for fault, number in report.dropped_by_fault.items() if number}
    return {
        "headline": headline(f"{report.num_kept:,} of {report.num_samples:,} samples kept by {view.view}"),
        "kept": bars(report.num_kept_by_split),
        "dropped": bars(dropped, colour=ORANGE),
        "rules": _rules(view),
        "dagster/partition_row_count": report.num_kept,
        "dagster/uri": report.uri,
        "data_card": dg.MetadataValue.path(write_card(view)),
        "view": report.view,
        "num_samples": report.num_samples,
        "num_kept": report.num_kept,
        "num_kept_by_split": dict(report.num_kept_by_split),
        "num_dropped_by_fault": dropped,
    }


def _rules(view: View) -> dg.MarkdownMetadataValue:
    """What each rule of the policy did; a sample may have several faults and falls by the first."""
    rows = [row for row in view.funnel().to_pylist() if row["section"] == "all" and row["num_marginal"]]
    cells = ([row["fault"], row["num_first"], row["num_marginal"], row["num_only"]] for row in rows)
    return table(["fault", "dropped first by it", "have it", "have only it"], cells)


def no_leakage_in(asset: dg.AssetsDefinition) -> dg.AssetChecksDefinition:
    """The check that a view's training samples give no held-out concept away."""

    @dg.asset_check(
        asset=asset,
        name="no_leakage",
        blocking=True,
        description="No training sample of another group shows or says what a held-out concept shows or says.",
    )
    def no_leakage(context: dg.AssetCheckExecutionContext, corpora: CorpusStore) -> dg.AssetCheckResult:
        leaks = check_leakage(stored_view(context, corpora.layout, asset))
        return dg.AssetCheckResult(
            passed=not leaks, metadata={"num_leaks": len(leaks), "first": "\n".join(map(str, leaks[:10])) or "none"}
        )

    return no_leakage


def stored_view(context: upstream.Context, layout: Layout, asset: dg.AssetsDefinition) -> View:
    """The view that an asset stands for in this partition."""
    made = upstream.latest(context, asset)
    return open_view(layout, made["view"], made.data_version)


curated_view_has_no_leakage = no_leakage_in(curated_view)


@dg.asset_check(asset=curated_view, blocking=True)
def view_is_large_enough(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """There are samples enough to train on, and enough held-out ones to tell whether it helped."""
    kept = upstream.latest(context, curated_view)["num_kept_by_split"]
    needed = {Split.TRAIN: MIN_TRAINING_SAMPLES, Split.HELD_OUT_CONCEPT: MIN_EVALUATION_SAMPLES}
    short = [f"{kept[split]} {split} samples, at least {least} are needed" for split, least in needed.items()
             if kept[split] < least]  # fmt: skip
    todo = f"{'; '.join(short)}. Add records to the corpus, or loosen the policy." if short else "nothing"
    return dg.AssetCheckResult(passed=not short, metadata={**kept, "what_to_do": todo}, description=todo)
