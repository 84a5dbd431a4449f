"""From a policy to a materialized view, with its funnel, its card and what changed since the last one as metadata."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from assets.charts import ORANGE, bars
from assets.comparing import since_last
from assets.markdown import table
from assets.metadata import headline
from pipelines.curation.curating import ViewReport, curate
from pipelines.curation.policy import load_policy
from pipelines.curation.views import View, open_view
from pipelines.layout import Layout
from pipelines.reporting.storing import write_card
from pipelines.samples import Snapshot


class PolicyConfig(dg.Config):
    """Which policy decides, with which parameters."""

    policy: str = "default"
    """A bundled policy's name, or the path of a SQL file."""
    params: Mapping[str, str] = {}
    """Values for the policy's `$name` parameters, as text."""
    allow_not_measured: bool = False
    """Drop what was not measured instead of refusing the view."""


def materialized(
    context: dg.AssetExecutionContext,
    layout: Layout,
    snapshots: Sequence[Snapshot],
    *,
    name: str,
    policy: str,
    params: Mapping[str, object],
    alignment: str | None = None,
    allow_not_measured: bool = False,
) -> dg.MaterializeResult[None]:
    """Curate, write the card, and say what was kept and what changed."""
    report = curate(
        layout,
        snapshots,
        policy=load_policy(policy),
        view=name,
        params=params,
        alignment=alignment,
        allow_not_measured=allow_not_measured,
    )
    view = open_view(layout, report.view, report.digest)
    changes = since_last(context, view)
    return dg.MaterializeResult(data_version=dg.DataVersion(report.digest), metadata=_metadata(view, report, changes))


def _metadata(view: View, report: ViewReport, changes: Mapping[str, Any]) -> dict[str, Any]:
    dropped = {fault: number for fault, number in report.dropped_by_fault.items() if number}
    funnel = view.funnel().to_pylist()
    return {
        "headline": headline(f"{report.num_kept:,} of {report.num_samples:,} samples kept by {view.view}"),
        "kept": bars(report.num_kept_by_split),
        "dropped": bars(dropped, colour=ORANGE),
        **changes,
        "funnel": _rules(funnel),
        "dagster/partition_row_count": report.num_kept,
        "dagster/uri": report.uri,
        "data_card": dg.MetadataValue.path(write_card(view)),
        "view": report.view,
        "snapshots": ", ".join(map(str, view.snapshots)),
        "num_samples": report.num_samples,
        "num_kept": report.num_kept,
        "num_kept_by_split": dict(report.num_kept_by_split),
        "num_dropped_by_fault": dropped,
    }


def _rules(funnel: list[Any]) -> dg.MarkdownMetadataValue:
    """What each rule of the policy did; a sample may have several faults and falls by the first."""
    rows = [row for row in funnel if row["section"] == "all" and row["num_marginal"]]
    cells = ([row["fault"], row["num_before"], row["num_first"], row["num_marginal"], row["num_only"]] for row in rows)
    return table(["fault", "reach it", "dropped first by it", "have it", "have only it"], cells)
