"""Fine-tuning with adapters from end to end: merged bundle, a small adapter, of use with its own base alone."""

from pathlib import Path

import pytest
import torch

from mmmodels.alignment.bundle import read_bundle
from mmmodels.errors import CheckpointError, RecipeError
from mmmodels.recipes import find_recipe
from mmmodels.training.launch import train
from mmmodels.tuning.adapters import adapter_bytes, load_adapter
from tests.mmmodels.small import SMALL, save_random_aligner

LORA = {"tuning.kind": "lora", "tuning.labels_per_class": "3", "tuning.rank": "1", "training.num_steps": "4"}
SHAPE = SMALL | {"model.text.layers": "1"}


@pytest.fixture(scope="module")
def run(patterns_view, mlflow_uri, tmp_path_factory):
    base = save_random_aligner(tmp_path_factory.mktemp("base"))
    place = {"view": patterns_view.view, "view_digest": patterns_view.digest, "layout": patterns_view.layout}
    recipe = find_recipe("classify_tiny", SHAPE | LORA)
    return base, train(recipe, tracking_uri=mlflow_uri, parent_bundle=str(base), **place)


def test_the_adapter_on_its_base_is_the_bundle_and_takes_little(run):
    base, result = run
    bundle, adapter = Path(result.bundle_uri), Path(result.bundle_uri).parent / "adapter"
    weights, loaded = read_bundle(bundle).weights, load_adapter(adapter, base=base)
    assert set(weights) == set(loaded)
    assert all(torch.allclose(weights[name], loaded[name], atol=1e-6) for name in weights)
    assert not any("lora" in name or "parametrizations" in name for name in weights)
    assert adapter_bytes(adapter) < (bundle / "model.safetensors").stat().st_size / 2


def test_the_share_of_the_weights_that_learnt_is_in_the_curve(run):
    assert 0 < run[1].curve[-1]["trained_share"] < 0.5


def test_another_base_is_refused_by_its_digest(run, tmp_path):
    other = save_random_aligner(tmp_path / "other", seed=1)
    with pytest.raises(CheckpointError, match="Name the base it started from"):
        load_adapter(Path(run[1].bundle_uri).parent / "adapter", base=other)


def test_a_folder_that_is_no_adapter_is_refused(run, tmp_path):
    with pytest.raises(CheckpointError, match="not an adapter"):
        load_adapter(tmp_path, base=run[0])


def test_few_labels_of_a_task_without_labels_are_refused(patterns_view, mlflow_uri):
    place = {"view": patterns_view.view, "view_digest": patterns_view.digest, "layout": patterns_view.layout}
    with pytest.raises(RecipeError, match="has no labels"):
        train(find_recipe("tiny", SMALL | {"tuning.labels_per_class": "3"}), tracking_uri=mlflow_uri, **place)
