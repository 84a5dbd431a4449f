"""Models trained on the curated view; the training itself is `mmmodels.training`, tracked in MLflow."""

import time
from collections.abc import Mapping
from typing import Any

import dagster as dg

from assets import upstream
from assets.charts import curve
from assets.curation import curated_view
from assets.metadata import ML_ENGINEERING, headline
from assets.partitions import SNAPSHOTS
from assets.resources import Compute, CorpusStore, Mlflow
from mmmodels.recipes import Recipe, find_recipe
from mmmodels.training.launch import TrainingResult, train
from pipelines.storage import read_json

RETRIES = dg.RetryPolicy(max_retries=1, delay=2)
"""A retry goes on from the newest checkpoint; where the attempt before still trains, it waits for that one."""
LINE_SECONDS = 20.0
"""Between two lines about a run in Dagster's log."""


class Telling:
    """Lines in Dagster's log while a run trains, in this process or in another; a few a minute at most."""

    def __init__(self, context: dg.AssetExecutionContext, recipe: Recipe) -> None:
        self.log = context.log
        self.num_steps = recipe.training.num_steps
        self.told_at = 0.0
        self.start: tuple[float, float] | None = None
        """Time and step when the first report was seen: what is left is reckoned from there."""

    def __call__(self, metrics: Mapping[str, Any]) -> None:
        """Say how far it is, unless something was said just now."""
        now, step = time.monotonic(), float(metrics["step"])
        self.start = self.start or (now, step)
        if now - self.told_at < LINE_SECONDS and step < self.num_steps:
            return
        self.told_at = now
        began, first = self.start
        left = f", {(now - began) / (step - first) * (self.num_steps - step):,.0f} s to go" if step > first else ""
        self.log.info(
            f"step {step:,.0f} of {self.num_steps:,}: loss {metrics['loss']:.3f}, "
            f"{metrics['samples_per_second']:,.0f} samples/s, {metrics['data_wait_share']:.1%} waiting for data{left}"
        )


class AlignerConfig(dg.Config):
    """Which recipe trains the aligner."""

    recipe: str = "tiny"
    overrides: Mapping[str, str] = {}
    """Settings of the recipe to change, e.g. `{"training.num_steps": "100"}`."""


class ClassifierConfig(dg.Config):
    """Which recipe trains the classifier on top of the aligner."""

    recipe: str = "classify_tiny"
    overrides: Mapping[str, str] = {}


@dg.asset(
    deps=[curated_view],
    partitions_def=SNAPSHOTS,
    group_name="training",
    kinds={"pytorch", "ray", "mlflow"},
    owners=ML_ENGINEERING,
    code_version="1",
    retry_policy=RETRIES,
)
def aligner(
    context: dg.AssetExecutionContext, config: AlignerConfig, corpora: CorpusStore, mlflow: Mlflow, compute: Compute
) -> dg.MaterializeResult[None]:
    """A model that puts pictures, texts and speech that belong together close to each other in one space.

    The same view, recipe and code are the same run: finished, it is not repeated; interrupted, it goes on from its
    newest checkpoint.
    """
    view = upstream.latest(context, curated_view)
    recipe = recipe_of(config.recipe, config.overrides, compute)
    result = train(
        recipe,
        layout=corpora.layout,
        view=view["view"],
        view_digest=view.data_version,
        tracking_uri=mlflow.tracking_uri,
        artifact_root=mlflow.artifact_root,
        links=links(context, "aligner"),
        on_progress=Telling(context, recipe),
    )
    return trained(result, view, mlflow)


@dg.asset(
    deps=[curated_view, aligner],
    partitions_def=SNAPSHOTS,
    group_name="training",
    kinds={"pytorch", "ray", "mlflow"},
    owners=ML_ENGINEERING,
    code_version="1",
    retry_policy=RETRIES,
)
def classifier(
    context: dg.AssetExecutionContext, config: ClassifierConfig, corpora: CorpusStore, mlflow: Mlflow, compute: Compute
) -> dg.MaterializeResult[None]:
    """A model that says which group a sample belongs to, from any of its parts; fine-tuned from the aligner."""
    view = upstream.latest(context, curated_view)
    recipe = recipe_of(config.recipe, config.overrides, compute)
    result = train(
        recipe,
        layout=corpora.layout,
        view=view["view"],
        view_digest=view.data_version,
        tracking_uri=mlflow.tracking_uri,
        artifact_root=mlflow.artifact_root,
        links=links(context, "classifier"),
        parent_bundle=upstream.latest(context, aligner)["bundle_uri"],
        on_progress=Telling(context, recipe),
    )
    return trained(result, view, mlflow)


def recipe_of(name: str, overrides: Mapping[str, str], compute: Compute) -> Recipe:
    """The recipe, with as many workers as this machine is to give; those are no part of the run's identity."""
    # A recipe that is too short for a cluster asks for none; the machine only says how many there may be.
    workers = min(find_recipe(name, overrides).training.num_workers, compute.num_training_workers)
    return find_recipe(name, {"training.num_workers": str(workers), **overrides})


def links(context: dg.AssetExecutionContext, asset: str) -> dict[str, str]:
    """What MLflow says about the Dagster side."""
    return {
        "dagster.run_id": context.run.run_id,
        "dagster.asset_key": asset,
        "dagster.partition": context.partition_key,
    }


def trained(result: TrainingResult, view: upstream.Materialized, mlflow: Mlflow) -> dg.MaterializeResult[None]:
    """The data version is the digest of what decides a prediction: weights, configuration, tokenizer."""
    provenance = read_json(f"{result.bundle_uri}/provenance.json")
    work = f"{result.num_steps:,} steps in {result.seconds:,.0f} s, {result.samples_per_second:,.0f} samples/s"
    return dg.MaterializeResult(
        data_version=dg.DataVersion(str(provenance["model_digest"])),
        metadata={
            "headline": headline(work if result.created else f"trained before: {work}"),
            "mlflow_run": dg.MetadataValue.url(mlflow.run_url(result.mlflow_run_id)),
            "checkpoint": dg.MetadataValue.path(result.bundle_uri),
            **{name: curve(points) for name, points in _curves(result).items()},
            "bundle_uri": result.bundle_uri,
            "run_key": result.run_key,
            "mlflow_run_id": result.mlflow_run_id,
            "num_steps": result.num_steps,
            "num_samples_seen": result.num_samples_seen,
            "seconds": result.seconds,
            "samples_per_second": result.samples_per_second,
            "created": result.created,
            "view": view["view"],
            "view_digest": view.data_version,
        },
    )


def _curves(result: TrainingResult) -> dict[str, list[tuple[float, float]]]:
    """What is worth a picture and was measured: floating-point operations only of models with a formula for them."""
    named = {"loss": "loss", "validation_loss": "validation_loss", "data_wait": "data_wait_share"}
    named |= {"mfu": "mfu", "teraflops": "teraflops_per_second", "learning_rate": "learning_rate"}
    found = {
        name: [(point["step"], point[metric]) for point in result.curve if metric in point]
        for name, metric in named.items()
    }
    return {name: points for name, points in found.items() if len(points) > 1}
