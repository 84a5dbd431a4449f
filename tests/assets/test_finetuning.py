"""A model for a task as an asset: trained on top of the aligner, told of while it trains, then reported."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets import finetuning, training
from assets.partitions import key_of
from mmmodels.recipes import RECIPES
from pipelines.samples import Snapshot
from pipelines.sources.catalog import Corpus
from tests.assets.test_ingest import INGEST
from tests.corpora import write_patterns
from tests.mmmodels.small import SMALL

RECIPE = "classify_tiny"


def test_every_recipe_of_a_task_is_a_partition_and_no_recipe_of_an_aligner() -> None:
    names = finetuning.TASK_RECIPES.get_partition_keys()
    assert set(names) == {name for name, recipe in RECIPES.items() if recipe().task != "align"}
    assert RECIPE in names


def test_the_main_figure_says_what_chance_would_do() -> None:
    figures = {"all/accuracy": {"value": 0.5, "low": 0.4, "high": 0.61, "chance": 0.1}}
    assert finetuning.main_figure(figures) == "all, accuracy: 0.5 (0.4 to 0.61), chance 0.1"
    assert "nothing" in finetuning.main_figure({})


@pytest.mark.slow
def test_a_task_is_finetuned_and_reported(workplace: Any, tmp_path: Path) -> None:
    corpus = Corpus(
        name="patterns", reader="folder", location=str(write_patterns(tmp_path / "patterns")), license="CC0-1.0"
    )
    workplace.corpora.remember(corpus)
    snapshot = Snapshot(corpus="patterns", snapshot=workplace.corpora.source(corpus).snapshot)
    workplace.instance.add_dynamic_partitions("snapshots", [key_of(snapshot)])
    small = {name: value for name, value in SMALL.items() if name != "training.num_workers"}
    run = {"ops": {"aligner": {"config": {"overrides": small | {"training.num_workers": "0"}}}}}
    aligned = dg.materialize(
        [*INGEST, training.aligner],
        instance=workplace.instance,
        resources=workplace.resources,
        partition_key=key_of(snapshot),
        run_config=run,
    )
    assert aligned.success
    key = dg.MultiPartitionKey({"recipe": RECIPE, "snapshot": key_of(snapshot)})
    made = dg.materialize(
        [*INGEST, training.aligner, finetuning.finetuned_model, finetuning.evaluation_report],
        selection=dg.AssetSelection.assets("finetuned_model", "evaluation_report"),
        instance=workplace.instance,
        resources=workplace.resources,
        partition_key=key,
        run_config={"ops": {"finetuned_model": {"config": {"overrides": small}}}},
    )
    assert made.success
    found = {
        event.materialization.asset_key.to_user_string(): event.materialization.metadata
        for event in made.get_asset_materialization_events()
        for event in [event.event_specific_data]
    }
    assert "accuracy" in found["evaluation_report"]["headline"].value or "held out" in str(found["evaluation_report"])
    assert {"metrics", "mlflow_run", "bundle_uri"} <= set(found["evaluation_report"])
    assert {"loss", "data_wait", "checkpoint", "mlflow_run"} <= set(found["finetuned_model"])
    told = [entry.user_message for entry in workplace.instance.all_logs(made.run_id)]
    assert any("step 8 of 8: loss" in line for line in told)
