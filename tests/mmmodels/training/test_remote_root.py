"""A run whose root is an object store: shards are read from it, checkpoints, bundle and manifest are written to it."""

import json
import shutil

import pytest

from mmmodels.alignment.bundle import load_aligner, read_bundle
from mmmodels.errors import CheckpointError
from mmmodels.preparing import open_mixture
from mmmodels.recipes import find_recipe
from mmmodels.tracking import open_client
from mmmodels.training.launch import train_mixture
from mmmodels.training.results import key_of
from pipelines import storage
from pipelines.layout import Layout
from tests.mmmodels.small import SMALL
from tests.mmmodels.training.stopping import Killed, killing
from tests.object_store import KEYS, serving_s3


@pytest.fixture
def remote_root(patterns_view, tmp_path, monkeypatch):
    """The root of `patterns_view` on a store, less what can be made again; home folders are empty."""
    import s3fs

    with serving_s3() as address:
        for name, value in {**KEYS, "AWS_ENDPOINT_URL": address, "HOME": str(tmp_path / "home")}.items():
            monkeypatch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()
        filesystem = s3fs.S3FileSystem()
        filesystem.mkdir("trained")
        for part in ("shards", "views"):
            filesystem.put(f"{patterns_view.layout.root}/{part}/", f"trained/root/{part}/", recursive=True)
        yield "s3://trained/root"
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.mark.slow
def test_a_run_on_an_object_store_is_killed_goes_on_and_its_bundle_is_read(
    remote_root, patterns_view, mlflow_uri, monkeypatch, tmp_path
):
    mixture = open_mixture(Layout(remote_root), [f"{patterns_view.view}/{patterns_view.digest}=0.5"])
    recipe = find_recipe("tiny", SMALL | {"loading.copies_folder": str(tmp_path / "copies"), "loading.workers": "1"})
    with monkeypatch.context() as patch:
        killing(patch, at_step=6)
        with pytest.raises(Killed):
            train_mixture(recipe, mixture, tracking_uri=mlflow_uri)
    folder = mixture.layout.checkpoints(key_of(recipe, layout=mixture.layout, view_digest=mixture.digest))
    assert storage.names(f"{folder}/local") == ["checkpoint_00000004"]
    result = train_mixture(recipe, mixture, tracking_uri=mlflow_uri)
    assert [point["step"] for point in result.curve] == [2, 4, 6, 8]
    assert train_mixture(recipe, mixture, tracking_uri=mlflow_uri).created is False
    assert storage.read_json(f"{folder}/progress.json")["step"] == 8

    assert result.bundle_uri == f"{folder}/bundle"
    assert load_aligner(result.bundle_uri).embed_texts(["red kite"]).shape == (1, 128)
    provenance = read_bundle(result.bundle_uri).provenance
    assert provenance["views"] == [
        {
            "view": patterns_view.view,
            "view_digest": patterns_view.digest,
            "effective_digest": patterns_view.digest,
            "weight": 0.5,
        }
    ]
    client = open_client(mlflow_uri)
    history = client.get_metric_history(result.mlflow_run_id, "loss")
    assert [metric.step for metric in history] == [2, 4, 6, 8]
    run = client.get_run(result.mlflow_run_id)
    models = client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run.info.run_id}'")
    assert {model.tags["checkpoint_uri"] for model in models} == {
        f"{folder}/local/{name}" for name in storage.names(f"{folder}/local")
    }
    with pytest.raises(CheckpointError, match="no provenance"):
        read_bundle(f"{folder}/bundl")


def test_other_bytes_of_pretrained_weights_are_another_run(tmp_path):
    from tests.mmmodels.small import save_random_aligner

    folders = [save_random_aligner(tmp_path / str(seed), seed=seed) for seed in (0, 1)]
    settings = SMALL | {"model.text.layers": "1", "model.text.pretrained": str(folders[0])}
    recipe, layout = find_recipe("tiny", settings), Layout(str(tmp_path / "root"))
    before = key_of(recipe, layout=layout, view_digest="a" * 64)
    assert key_of(recipe, layout=layout, view_digest="a" * 64) == before
    shutil.copy(folders[1] / "model.safetensors", folders[0] / "model.safetensors")
    assert key_of(recipe, layout=layout, view_digest="a" * 64) != before
    assert json.loads((folders[0] / "config.json").read_text())["recipe"]["name"] == "tiny"
