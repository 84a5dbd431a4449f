"""A model for each task: what a task's recipe makes of a view, mostly on top of the aligner, and what it is worth."""

from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg

from assets import upstream
from assets.curation import curated_view
from assets.evaluation import FIGURES, table_of
from assets.markdown import table
from assets.metadata import ML_ENGINEERING, headline, picture
from assets.partitions import SNAPSHOTS
from assets.resources import Compute, CorpusStore, Mlflow
from assets.training import RETRIES, Telling, aligner, recipe_of, trained
from mmmodels.evaluation.reports import evaluate
from mmmodels.recipes import RECIPES
from mmmodels.tasks.register import kind_of
from mmmodels.training.launch import train
from pipelines.errors import CorpusError
from pipelines.samples import digest_of
from pipelines.storage import read_bytes

TASK_RECIPES = dg.StaticPartitionsDefinition(sorted(name for name, of in RECIPES.items() if of().task != "align"))
TASKS = dg.MultiPartitionsDefinition({"recipe": TASK_RECIPES, "snapshot": SNAPSHOTS})
"""One model for each task's recipe and each corpus."""


class FinetuningConfig(dg.Config):
    """How the recipe of the partition is trained."""

    overrides: Mapping[str, str] = {}
    """Settings of the recipe to change, e.g. `{"training.num_steps": "100"}`."""
    on_aligner: bool = True
    """Start from the aligner where the task may do without."""


@dg.asset(
    deps=[curated_view, aligner],
    partitions_def=TASKS,
    group_name="training",
    kinds={"pytorch", "ray", "mlflow"},
    owners=ML_ENGINEERING,
    code_version="1",
    retry_policy=RETRIES,
)
def finetuned_model(
    context: dg.AssetExecutionContext, config: FinetuningConfig, corpora: CorpusStore, mlflow: Mlflow, compute: Compute
) -> dg.MaterializeResult[None]:
    """A model for one task, trained by the recipe of the partition; on top of the corpus' aligner where it can be."""
    name, snapshot = dimensions(context)
    view = upstream.latest(context, curated_view, partition=snapshot)
    recipe = recipe_of(name, config.overrides, compute)
    result = train(
        recipe,
        layout=corpora.layout,
        view=view["view"],
        view_digest=view.data_version,
        tracking_uri=mlflow.tracking_uri,
        artifact_root=mlflow.artifact_root,
        links={
            "dagster.run_id": context.run.run_id,
            "dagster.asset_key": "finetuned_model",
            "dagster.partition": str(context.partition_key),
        },
        parent_bundle=_parent(context, kind_of(recipe).parent, snapshot, wanted=config.on_aligner),
        on_progress=Telling(context, recipe),
    )
    return trained(result, view, mlflow)


@dg.asset(
    deps=[curated_view, finetuned_model],
    partitions_def=TASKS,
    group_name="evaluation",
    kinds={"pytorch", "json"},
    owners=ML_ENGINEERING,
    code_version="1",
)
def evaluation_report(context: dg.AssetExecutionContext, corpora: CorpusStore) -> dg.MaterializeResult[None]:
    """What the model of a task is worth on what it has not seen: its metrics with intervals beside chance, pictures."""
    view = upstream.latest(context, curated_view, partition=dimensions(context)[1])
    model = upstream.latest(context, finetuned_model)
    report = evaluate(model["bundle_uri"], layout=corpora.layout, view=view["view"], view_digest=view.data_version)
    metrics = report["metrics"]
    rows = ({"metric": name, **figures} for name, figures in metrics.items())
    columns = ("metric", *FIGURES)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(digest_of([report["model_digest"], report["evaluation_digest"], metrics])),
        metadata={
            "headline": headline(main_figure(metrics)),
            "metrics": table(columns, table_of(columns, rows)),
            **dict(_pictures(report.get("pictures", {}))),
            "report_uri": report["uri"],
            "mlflow_run": dg.MetadataValue.url(mlflow_url(model)),
            "bundle_uri": model["bundle_uri"],
            "evaluation_digest": report["evaluation_digest"],
            "view_digest": report["view_digest"],
        },
    )


def dimensions(context: upstream.Context) -> tuple[str, str]:
    """Recipe and snapshot of the partition."""
    key = context.partition_key
    assert isinstance(key, dg.MultiPartitionKey)
    return key.keys_by_dimension["recipe"], key.keys_by_dimension["snapshot"]


def main_figure(metrics: Mapping[str, Mapping[str, Any]]) -> str:
    """The first metric of a report, with its interval and beside chance."""
    for name, figures in metrics.items():
        words = f"{name.replace('/', ', ').replace('_', ' ')}: {figures['value']:.3g}"
        if figures.get("low") is not None and figures.get("high") is not None:
            words += f" ({figures['low']:.3g} to {figures['high']:.3g})"
        if figures.get("chance") is not None:
            words += f", chance {figures['chance']:.3g}"
        return words
    return "nothing is held out that this task could be asked about"


def mlflow_url(model: upstream.Materialized) -> str:
    """As the model's own page has it."""
    return str(model["mlflow_run"])


def _parent(context: upstream.Context, wish: str, snapshot: str, *, wanted: bool) -> str | None:
    """The bundle of the corpus' aligner; an aligner that a task may do without need not be there."""
    if wish == "none" or (wish == "optional" and not wanted):
        return None
    found = upstream.find_latest(context, aligner.key, partition=snapshot)
    if found is None and wish == "required":
        raise CorpusError(f"aligner, partition {snapshot}: never materialized, and this task starts from it. Make it.")
    return str(found["bundle_uri"]) if found else None


def _pictures(uris: Mapping[str, str]) -> Iterable[tuple[str, dg.MarkdownMetadataValue]]:
    """Small ones in place, each with where the large one lies."""
    for name, uri in uris.items():
        yield name, dg.MetadataValue.md(f"{picture(read_bytes(uri))}\n\n`{uri}`")
