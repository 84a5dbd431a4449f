"""The aligner: pairs of a hub, missing modalities, groups, heads, scales and biases, and compiled towers."""

import math
from dataclasses import replace

import pytest
import torch

from mmmodels.alignment.batch import Batch
from mmmodels.alignment.model import MAX_SCALE, TriModal
from mmmodels.errors import RecipeError
from mmmodels.recipes import ModelConfig
from tests.mmmodels.alignment.ranks import small_batch, small_model


def only(batch, *modalities):
    return Batch(media={name: batch.media[name] for name in modalities}, groups_B=batch.groups_B)


@pytest.mark.parametrize(
    ("hub", "pairs"),
    [
        ("all", {"image_text", "image_audio", "text_audio"}),
        ("text", {"image_text", "text_audio"}),
        ("image", {"image_text", "image_audio"}),
    ],
)
def test_a_triple_trains_the_pairs_of_the_hub(hub, pairs):
    model = small_model(hub=hub)
    assert set(model(small_batch())) == set(model.log_scales) == pairs


def test_a_pair_batch_trains_its_pair_and_leaves_the_other_towers_alone():
    model = small_model()
    losses = model(only(small_batch(), "text", "audio"))
    assert set(losses) == {"text_audio"}
    losses["text_audio"].backward()
    touched = {name.split(".")[0] for name, value in model.named_parameters() if value.grad is not None}
    assert touched == {"text", "audio", "log_scales"}


def test_a_batch_without_a_trained_pair_says_what_to_do():
    with pytest.raises(RecipeError, match=r"batch of image and audio: no pair.*set model\.hub=all"):
        small_model(hub="text")(only(small_batch(), "image", "audio"))


def test_samples_of_a_group_are_no_negatives_unless_that_is_switched_off():
    batch = small_batch()
    apart = replace(batch, groups_B=torch.arange(8))
    masked, unmasked = small_model(), small_model(masks_groups=False)
    assert masked(batch)["image_text"] < masked(apart)["image_text"]
    assert torch.allclose(unmasked(batch)["image_text"], masked(apart)["image_text"], atol=1e-6)


def test_every_pair_has_a_scale_of_its_own_and_with_sigmoid_a_bias():
    model = small_model(loss="siglip", initial_bias=-4.0, late_weight=0.5)
    assert {name.removesuffix("_late") for name in model.log_scales} == set(model.biases)
    assert all(value.item() == -4 for value in model.biases.values())
    sum(model(small_batch()).values()).backward()
    assert all(value.grad.abs() > 0 for value in [*model.log_scales.values(), *model.biases.values()])
    assert not small_model().biases


def test_a_scale_at_its_limit_may_come_down_again():
    model = small_model()
    with torch.no_grad():
        model.log_scales["image_text"].fill_(9.0)
    model.after_step()
    model(small_batch())["image_text"].backward()
    assert model.log_scales["image_text"].item() == pytest.approx(math.log(MAX_SCALE))
    assert model.log_scales["image_text"].grad.abs() > 0


def test_late_interaction_is_a_loss_of_its_own_with_its_weight():
    half, whole = small_model(late_weight=0.5), small_model(late_weight=1.0)
    assert set(half(small_batch())) == {
        f"{pair}{end}" for pair in ("image_text", "image_audio", "text_audio") for end in ("", "_late")
    }
    first, second = half(small_batch()), whole(small_batch())
    assert torch.allclose(first["image_text_late"] * 2, second["image_text_late"], atol=1e-5)
    assert torch.allclose(first["image_text"], second["image_text"], atol=1e-6)


def test_the_parts_of_a_batch_keep_their_places():
    batch = small_batch()
    parts = batch.split(3)
    assert [len(part.groups_B) for part in parts] == [3, 3, 2]
    assert torch.cat([part.positions() for part in parts]).tolist() == list(range(8))
    model = small_model()
    whole = model.embed_batch(batch, strength=0.5, seed=4)["image"].vectors_BD
    apart = [model.embed_batch(part, strength=0.5, seed=4)["image"].vectors_BD for part in parts]
    assert torch.allclose(torch.cat(apart), whole, atol=1e-5)


def test_evaluation_is_without_chance():
    model = small_model().eval()
    first, second = (model.embed_batch(small_batch(), strength=1.0, seed=seed)["image"] for seed in (1, 2))
    assert torch.equal(first.vectors_BD, second.vectors_BD)


def test_a_model_of_two_towers_has_no_third():
    model = TriModal(ModelConfig(modalities=("text", "audio")))
    assert not hasattr(model, "image")
    assert set(model.log_scales) == {"text_audio"}


@pytest.mark.slow
def test_compiled_towers_give_the_same_losses_under_the_same_names():
    plain, compiled = small_model(), small_model()
    compiled.compile_towers(backend="aot_eager")
    assert plain.state_dict().keys() == compiled.state_dict().keys()
    for seed in (1, 2):
        first, second = (model(small_batch(), strength=0.5, seed=seed) for model in (plain, compiled))
        assert all(torch.allclose(first[name], second[name], atol=1e-5) for name in first)
    sum(second.values()).backward()
