"""Runs: stopped and resumed equals straight, each step once in MLflow, a finished run is found and not made again."""

import json
from pathlib import Path

import pytest
import torch

from mmmodels.alignment.bundle import load_aligner, read_bundle
from mmmodels.errors import CheckpointError
from mmmodels.recipes import find_recipe
from mmmodels.tracking import open_client
from mmmodels.training import loop
from mmmodels.training.launch import finished, train
from tests.mmmodels.small import SMALL


def start(recipe, view, uri):
    return train(recipe, layout=view.layout, view=view.view, view_digest=view.digest, tracking_uri=uri)


class Killed(BaseException):
    """Stands for a signal in the middle of a run."""


def killing(monkeypatch, at_step):
    step = loop.Loop._step

    def dying(self, number, *args):
        if number == at_step:
            raise Killed
        return step(self, number, *args)

    monkeypatch.setattr(loop.Loop, "_step", dying)


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_to_the_weights_of_an_uninterrupted_one(patterns_view, mlflow_uri, monkeypatch):
    # The learning rates differ only in name: another run key, the same numbers.
    straight = start(find_recipe("tiny", SMALL), patterns_view, mlflow_uri)
    recipe = find_recipe("tiny", SMALL | {"training.max_gradient_norm": "1.0000000001"})
    with monkeypatch.context() as patch:
        killing(patch, at_step=6)
        with pytest.raises(Killed):
            start(recipe, patterns_view, mlflow_uri)
    resumed = start(recipe, patterns_view, mlflow_uri)
    assert resumed.run_key != straight.run_key
    assert [point["step"] for point in resumed.curve] == [2, 4, 6, 8]
    left, right = (read_bundle(result.bundle_uri).weights for result in (straight, resumed))
    assert all(torch.allclose(left[name], right[name], atol=1e-6) for name in left)
    history = open_client(mlflow_uri).get_metric_history(resumed.mlflow_run_id, "loss")
    assert [metric.step for metric in history] == [2, 4, 6, 8]


def test_a_finished_run_is_found_without_training(patterns_view, mlflow_uri):
    recipe = find_recipe("tiny", SMALL)
    first = start(recipe, patterns_view, mlflow_uri)
    again = start(recipe, patterns_view, mlflow_uri)
    assert not again.created
    assert again.mlflow_run_id == first.mlflow_run_id
    assert finished(recipe, layout=patterns_view.layout, view_digest=patterns_view.digest) == again
    assert finished(recipe, layout=patterns_view.layout, view_digest="0" * 64) is None


def test_a_bundle_loads_and_embeds_and_a_broken_one_says_so(patterns_view, mlflow_uri, tmp_path):
    result = start(find_recipe("tiny", SMALL), patterns_view, mlflow_uri)
    aligner = load_aligner(result.bundle_uri)
    vectors = aligner.embed_texts(["red kite", "cerf-volant rouge"])
    assert vectors.shape == (2, 128)
    assert vectors.dtype == "float32"
    assert abs((vectors**2).sum(axis=1) - 1).max() < 1e-5
    provenance = json.loads((Path(result.bundle_uri) / "provenance.json").read_text())
    assert provenance["view_digest"] == patterns_view.digest
    assert provenance["model_digest"] == aligner.digest
    with pytest.raises(CheckpointError, match="without"):
        load_aligner(tmp_path)


@pytest.mark.ray
@pytest.mark.slow
def test_two_workers_of_which_one_is_killed_finish_the_run(patterns_view, mlflow_uri):
    recipe = find_recipe("tiny", SMALL | {"training.num_workers": "2", "training.num_steps": "40"})
    import os
    import signal
    import threading
    import time

    import psutil

    from mmmodels.recipes import run_key_of

    folder = Path(patterns_view.layout.checkpoints(run_key_of(recipe, view_digest=patterns_view.digest)))
    killed = []

    def kill_one_worker():
        deadline = time.monotonic() + 600
        while time.monotonic() < deadline and not killed:
            progress = folder / "progress.json"
            if progress.exists() and json.loads(progress.read_text())["step"] >= 8:
                workers = [
                    p for p in psutil.process_iter(["cmdline"]) if "RayTrainWorker" in " ".join(p.info["cmdline"] or [])
                ]
                if workers:
                    os.kill(workers[0].pid, signal.SIGKILL)
                    killed.append(workers[0].pid)
            time.sleep(0.05)

    thread = threading.Thread(target=kill_one_worker)
    thread.start()
    result = start(recipe, patterns_view, mlflow_uri)
    thread.join()
    assert killed, "the run was over before a worker could be killed"
    history = open_client(mlflow_uri).get_metric_history(result.mlflow_run_id, "loss")
    assert [metric.step for metric in history] == list(range(2, 42, 2))
    assert [point["step"] for point in result.curve] == list(range(2, 42, 2))
