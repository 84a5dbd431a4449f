"""Checkpoints as logged models: where they lie, what they scored on which data, and none that storage has dropped."""

import pickle
import shutil
from itertools import count
from pathlib import Path

import pytest

from mmmodels.tracking import Dataset, Tracker, open_client

VIEWS = (
    Dataset(name="drawings", digest="ab" * 32, uri="/somewhere/views/drawings/abab", num_rows=12),
    Dataset(name="stamps", digest="cd" * 32, uri="s3://bucket/views/stamps/cdcd", weight=0.3),
)
fresh = count()


@pytest.fixture
def tracker(mlflow_uri: str) -> Tracker:
    tracker = Tracker(uri=mlflow_uri, experiment=f"checkpoints {next(fresh)}")
    tracker.start("key", params={"lr": 0.1}, tags={"recipe": "tiny"}, datasets=VIEWS)
    return tracker


def checkpoint(folder: Path, step: int) -> str:
    path = folder / f"checkpoint_{step}"
    path.mkdir()
    return str(path)


def models(tracker: Tracker) -> dict:
    client = open_client(tracker.uri)
    experiment = client.get_run(tracker.run_id).info.experiment_id
    return {model.name: model for model in client.search_logged_models([experiment])}


def test_a_checkpoint_says_where_it_lies_and_its_metrics_on_which_views(tracker: Tracker, tmp_path: Path):
    uri = checkpoint(tmp_path, 4)
    tracker.log_checkpoint({"loss": 2.0, "validation_loss": 3.0}, 4, uri=uri)
    (model,) = models(tracker).values()
    assert (model.name, model.model_type, model.status) == ("step-00000004", "checkpoint", "READY")
    assert model.tags["checkpoint_uri"] == uri
    assert model.tags["run_key"] == "key"
    assert model.params == {"lr": "0.1"}
    assert {(metric.key, metric.value, metric.step) for metric in model.metrics} == {
        ("loss", 2.0, 4),
        ("validation_loss", 3.0, 4),
    }
    run = open_client(tracker.uri).get_run(tracker.run_id)
    assert {metric.dataset_name for metric in model.metrics} == {"drawings+stamps"}
    assert [(output.model_id, output.step) for output in run.outputs.model_outputs] == [(model.model_id, 4)]


def test_nothing_of_a_checkpoint_is_copied(tracker: Tracker, tmp_path: Path):
    uri = checkpoint(tmp_path, 4)
    (Path(uri) / "state.pt").write_bytes(b"weights")
    tracker.log_checkpoint({"loss": 2.0}, 4, uri=uri)
    home = Path(tracker.uri.removeprefix("sqlite:///")).parent
    assert not list((home / "mlartifacts" / tracker.experiment).rglob("state.pt"))


def test_a_resumed_process_finds_the_model_of_a_step_that_it_reports_again(tracker: Tracker, tmp_path: Path):
    uri = checkpoint(tmp_path, 4)
    tracker.log_checkpoint({"loss": 2.0}, 4, uri=uri)
    after_crash: Tracker = pickle.loads(pickle.dumps(tracker))  # noqa: S301 - what Ray does with callbacks
    after_crash.log_checkpoint({"loss": 9.0}, 4, uri=uri)
    (model,) = models(tracker).values()
    assert [metric.value for metric in model.metrics] == [2.0]
    assert [point.step for point in open_client(tracker.uri).get_metric_history(tracker.run_id, "loss")] == [4]


def test_only_stored_checkpoints_are_listed_and_the_best_is_marked(tracker: Tracker, tmp_path: Path):
    losses = {2: 5.0, 4: 3.0, 6: 4.0}
    uris = {step: checkpoint(tmp_path, step) for step in losses}
    for step, loss in losses.items():
        tracker.log_checkpoint({"validation_loss": loss}, step, uri=uris[step])
    shutil.rmtree(uris[2])
    tracker.settle_checkpoints("validation_loss")
    best = {name: model.tags["best"] for name, model in models(tracker).items()}
    assert best == {"step-00000004": "true", "step-00000006": "false"}


def test_every_view_of_a_mixture_is_an_input_with_its_weight(tracker: Tracker):
    run = open_client(tracker.uri).get_run(tracker.run_id)
    inputs = {one.dataset.name: one for one in run.inputs.dataset_inputs}
    tags = {name: {tag.key: tag.value for tag in one.tags} for name, one in inputs.items()}
    assert {name: (tag["view_digest"], tag["weight"]) for name, tag in tags.items()} == {
        "drawings": ("ab" * 32, "1"),
        "stamps": ("cd" * 32, "0.3"),
    }
    assert inputs["drawings"].dataset.profile == '{"num_rows": 12}'
    assert inputs["stamps"].dataset.source_type == "s3"
    assert run.data.tags["view"] == "drawings stamps=0.3"
