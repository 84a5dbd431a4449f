"""A tiny aligner with random weights in a real bundle, and what an evaluation says about a model."""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mmmodels.registry.gate import Evidence
from mmmodels.tracking import Dataset, Tracker, open_client

DIRECTIONS = [f"{a}_to_{b}" for a in ("image", "text", "audio") for b in ("image", "text", "audio") if a != b]
METRICS = [f"held_out_concept/{way}/r_at_10" for way in DIRECTIONS] + ["held_out_language/audio_to_text/r_at_1"]
RUN_KEY = "a1" * 16
PROVENANCE = {
    "run_key": RUN_KEY,
    "view_digest": "ab" * 32,
    "snapshot": "tiny/1.0",
    "code_version": "0.1.0+c0de",
    "recipe": "tiny",
    "step": 30,
}
fresh = count()


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An aligner that knows nothing, as training would save it."""
    import torch

    from mmmodels.alignment.bundle import build_aligner, save_bundle
    from mmmodels.recipes import find_recipe
    from mmmodels.towers.tokenizers import train_tokenizer

    torch.manual_seed(0)
    recipe = find_recipe("tiny", {"model.text.vocab_size": "300", "model.text.layers": "1"})
    folder = tmp_path_factory.mktemp("run") / "checkpoint_000030"
    tokenizer = train_tokenizer(["red circle", "blue square"], vocab_size=300)
    save_bundle(folder, build_aligner(recipe.model), recipe=recipe, tokenizer=tokenizer, provenance=PROVENANCE)
    return folder


@pytest.fixture(scope="session")
def classifier_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of three labels that knows nothing."""
    import torch

    from mmmodels.alignment.bundle import save_bundle
    from mmmodels.recipes import find_recipe
    from mmmodels.tasks.classification import FusionClassifier
    from mmmodels.towers.tokenizers import train_tokenizer

    torch.manual_seed(0)
    recipe, labels = find_recipe("classify_tiny", {"model.text.vocab_size": "300"}), ["animals", "food", "vehicles"]
    folder, tokenizer = tmp_path_factory.mktemp("run") / "bundle", train_tokenizer(["red circle"], vocab_size=300)
    model = FusionClassifier(recipe, num_labels=3)
    save_bundle(folder, model, recipe=recipe, tokenizer=tokenizer, provenance=PROVENANCE, facts={"labels": labels})
    return folder


@pytest.fixture(scope="session")
def new_run(mlflow_uri: str) -> Callable[[], str]:
    """Makes a tracked run that trained the bundle."""

    def track() -> str:
        tracker = Tracker(uri=mlflow_uri, experiment=f"registry {next(fresh)}")
        dataset = Dataset(name="aligned", digest="ab" * 32, uri="/somewhere")
        run_id = tracker.start(RUN_KEY, params={"lr": 0.1}, tags={"recipe": "tiny"}, datasets=[dataset])
        tracker.set_links({"dagster.run_id": "d-1", "checkpoint_uri": "file:///checkpoints/a1", "parent_digest": ""})
        tracker.finish()
        return run_id

    return track


@pytest.fixture
def run_id(new_run: Callable[[], str]) -> str:
    return new_run()


@pytest.fixture
def logged(mlflow_uri: str) -> Callable[[str], str]:
    """A run and its logged model (without files) for a run_key: the model's id."""

    def log(run_key: str) -> str:
        tracker = Tracker(uri=mlflow_uri, experiment=f"registry {next(fresh)}")
        run_id = tracker.start(run_key, params={}, tags={})
        tracker.set_links({"dagster.run_id": f"dagster of {run_key}", "parent_digest": ""})
        client = open_client(mlflow_uri)
        experiment_id = client.get_run(run_id).info.experiment_id
        tags = {"run_key": run_key, "view_digest": f"view of {run_key}", "model_digest": f"model of {run_key}"}
        return client.create_logged_model(experiment_id, "aligner", run_id, tags=tags, model_type="aligner").model_id

    return log


@pytest.fixture(scope="session")
def make_report() -> Callable[..., dict[str, Any]]:
    return report


@pytest.fixture(scope="session")
def make_evidence() -> Callable[..., Evidence]:
    return evidence


def evidence(run_key: str = RUN_KEY, *, rate: float = 0.6, seed: int = 0, num_queries: int = 400) -> Evidence:
    """A report and its queries: hits at a rate, drawn per query so that two models with one seed agree on most."""
    ease = np.random.default_rng(seed).random((len(METRICS), num_queries))
    hits = (ease < rate).astype(float)
    rows = [(m, f"uid{q}", hits[i, q]) for i, m in enumerate(METRICS) for q in range(num_queries)]
    columns = dict(zip(("metric", "uid", "hit"), map(list, zip(*rows, strict=True)), strict=True))
    return Evidence(
        report=report(run_key, {metric: float(hits[i].mean()) for i, metric in enumerate(METRICS)}),
        queries=pa.table(columns),
        provenance=PROVENANCE | {"run_key": run_key},
        leaks=(),
    )


def report(run_key: str = RUN_KEY, values: dict[str, float] | None = None) -> dict[str, Any]:
    """An evaluation report as mmmodels.evaluation writes it."""
    values = values or dict.fromkeys(METRICS, 0.6)
    metrics = {
        name: {"value": v, "low": v - 0.05, "high": v + 0.05, "n": 400, "num_candidates": 400, "chance": 0.025}
        for name, v in values.items()
    }
    return {
        "suite": "retrieval",
        "schema_version": 1,
        "view_digest": "ab" * 32,
        "evaluation_digest": "ef" * 32,
        "protocol_digest": "0d" * 32,
        "model_digest": f"model of {run_key}",
        "run_key": run_key,
        "metrics": metrics,
        "seconds": 1.0,
    }
