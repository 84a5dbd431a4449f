"""Pretraining of the aligner: pools of what the model has and trains, and a start from weights."""

import pytest
import torch
from safetensors.torch import save_file

from mmmodels.alignment.model import TriModal
from mmmodels.recipes import find_recipe
from mmmodels.tasks.alignment import AlignmentTask
from tests.mmmodels.small import SMALL


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
