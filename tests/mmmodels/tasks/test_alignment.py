"""Pretraining of the aligner: pools of what the model has and trains, and a start from weights."""

import pytest
import torch
from safetensors.torch import save_file

from mmmodels.alignment.bundle import read_bundle
from mmmodels.alignment.model import TriModal
from mmmodels.errors import RecipeError
from mmmodels.recipes import find_recipe, run_key_of
from mmmodels.tasks.alignment import AlignmentTask
from tests.mmmodels.small import SMALL, save_random_aligner


@pytest.mark.parametrize(
    ("settings", "kinds"),
    [
        ({}, {"triple", "image_text", "audio_text", "image_audio"}),
        ({"model.hub": "text"}, {"triple", "image_text", "audio_text"}),
        ({"model.hub": "image"}, {"triple", "image_text", "image_audio"}),
        ({"model.modalities": "image,text"}, {"image_text"}),
        ({"model.modalities": "text,audio"}, {"audio_text"}),
    ],
)
def test_there_are_pools_of_the_kinds_that_hold_a_trained_pair(settings, kinds, patterns_data):
    task = AlignmentTask(recipe=find_recipe("tiny", SMALL | settings), data=patterns_data)
    assert set(task.pools()) == kinds


def test_a_task_starts_from_the_weights_that_its_recipe_names(patterns_data, tmp_path):
    torch.manual_seed(1)
    teacher = TriModal(find_recipe("tiny", SMALL).model)
    save_file(
        {name: value.contiguous() for name, value in teacher.state_dict().items()}, tmp_path / "model.safetensors"
    )
    recipe = find_recipe("tiny", SMALL | {"model.image.pretrained": str(tmp_path), "model.image.trained": "none"})
    model = AlignmentTask(recipe=recipe, data=patterns_data).build()
    assert all(torch.equal(value, teacher.image.state_dict()[name]) for name, value in model.image.state_dict().items())
    assert not any(parameter.requires_grad for parameter in model.image.parameters())


def test_a_run_goes_on_from_the_weights_of_its_parent(patterns_data, tmp_path):
    parent = save_random_aligner(tmp_path / "parent", seed=3)
    recipe = find_recipe("retrieve_tiny", SMALL | {"model.text.layers": "1"})
    started = AlignmentTask(recipe=recipe, data=patterns_data, parent=parent).build().state_dict()
    assert all(torch.equal(started[name], value) for name, value in read_bundle(parent).weights.items())


def test_a_parent_of_another_shape_is_refused_with_the_setting_that_differs(patterns_data, tmp_path):
    parent = save_random_aligner(tmp_path / "parent")
    task = AlignmentTask(recipe=find_recipe("retrieve_tiny", SMALL), data=patterns_data, parent=parent)
    with pytest.raises(RecipeError, match=r"model\.text\.layers=2 \(there 1\).*fit no other shape"):
        task.build()


def test_a_run_from_a_parent_is_another_run_than_one_from_nothing():
    recipe = find_recipe("retrieve_tiny")
    assert run_key_of(recipe, view_digest="v") != run_key_of(recipe, view_digest="v", parent="digest of the parent")
