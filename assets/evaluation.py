"""What the models are worth on what they have not seen."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from assets import upstream
from assets.curation import curated_view
from assets.markdown import table
from assets.metadata import ML_ENGINEERING, headline
from assets.partitions import SNAPSHOTS
from assets.resources import CorpusStore
from assets.training import aligner, classifier
from mmmodels.evaluation.reports import evaluate
from pipelines.samples import digest_of

Report = Mapping[str, Any]
FIGURES = ("value", "low", "high", "n", "num_candidates", "chance", "untrained")
PER_CLASS = ("label", "precision", "recall", "f1", "support")


@dg.asset(
    deps=[curated_view, aligner],
    partitions_def=SNAPSHOTS,
    group_name="evaluation",
    kinds={"pytorch", "json"},
    owners=ML_ENGINEERING,
    code_version="1",
)
def aligner_report(context: dg.AssetExecutionContext, corpora: CorpusStore) -> dg.MaterializeResult[None]:
    """How well pictures, texts and speech find each other in what the aligner has never seen.

    Recall in six directions, on held-out concepts, languages and voices, with intervals, beside chance and beside the
    same model before training.
    """
    report = evaluated(context, corpora, upstream.latest(context, aligner)["bundle_uri"])
    return _materialized(report, worst_direction(report["metrics"]))


@dg.asset(
    deps=[curated_view, classifier],
    partitions_def=SNAPSHOTS,
    group_name="evaluation",
    kinds={"pytorch", "json"},
    owners=ML_ENGINEERING,
    code_version="1",
)
def classifier_report(context: dg.AssetExecutionContext, corpora: CorpusStore) -> dg.MaterializeResult[None]:
    """How often the classifier is right on held-out concepts: from all parts, from each alone, and class by class."""
    report = evaluated(context, corpora, upstream.latest(context, classifier)["bundle_uri"])
    result = _materialized(report, accuracy(report["metrics"]))
    per_class = table_of(PER_CLASS, report.get("per_class", ()))
    return result._replace(metadata={**(result.metadata or {}), "per_class": table(PER_CLASS, per_class)})


def evaluated(context: upstream.Context, corpora: CorpusStore, bundle_uri: str) -> Report:
    """The report on a model over this partition's curated view; made once, then read."""
    view = upstream.latest(context, curated_view)
    return evaluate(bundle_uri, layout=corpora.layout, view=view["view"], view_digest=view.data_version)


def worst_direction(metrics: Report) -> str:
    """The direction in which held-out concepts are found worst, against chance."""
    times = {
        name.split("/")[1]: figures["value"] / figures["chance"]
        for name, figures in metrics.items()
        if name.startswith("held_out_concept/") and name.endswith("/r_at_10") and figures["chance"]
    }
    if not times:
        return "no held-out concept has two parts to find each other by"
    worst = min(times, key=lambda name: times[name])
    return f"held-out concepts: R@10 at least {times[worst]:.1f} times chance ({worst.replace('_', ' ')})"


def accuracy(metrics: Report) -> str:
    """The classifier's main figure."""
    found = metrics.get("all/accuracy")
    if found is None:
        return "no held-out concept has a known label"
    return f"accuracy {found['value']:.1%} on held-out concepts (the largest class: {found['chance']:.1%})"


def _materialized(report: Report, summary: str) -> dg.MaterializeResult[None]:
    metrics = report["metrics"]
    named = ({"metric": name, **figures} for name, figures in metrics.items())
    return dg.MaterializeResult(
        data_version=dg.DataVersion(digest_of([report["model_digest"], report["evaluation_digest"], metrics])),
        metadata={
            "headline": headline(summary),
            "metrics": table(("metric", *FIGURES), table_of(("metric", *FIGURES), named)),
            "report_uri": report["uri"],
            "evaluation_digest": report["evaluation_digest"],
            "view_digest": report["view_digest"],
        },
    )


def table_of(columns: Sequence[str], rows: Iterable[Report]) -> Iterable[list[object]]:
    """The rows of a table of these columns; what a row lacks is empty."""
    return ([row.get(column, "") for column in columns] for row in rows)
