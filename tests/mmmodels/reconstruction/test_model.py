"""Masked towers of every kind: errors of what is hidden, blind to what is not shown, parts of a batch as the whole."""

import pytest
import torch

from mmmodels.alignment.batch import Batch
from mmmodels.errors import RecipeError
from mmmodels.recipes import find_recipe
from mmmodels.reconstruction.masking import hidden_patches
from mmmodels.reconstruction.model import MaskedModel, network_of
from mmmodels.towers.chance import sample_keys
from tests.mmmodels.recipes.test_named import batch_of
from tests.mmmodels.small import SMALL

VIT = {
    "model.image.architecture": "open_clip:ViT-S-16",
    "model.image.patch_pixels": "8",
    "model.image.size_pixels": "32",
}
VIT |= {"model.image.width": "64", "model.image.layers": "2"}
KINDS = {
    "convolutions": {"reconstruction.patch_size": "8", "model.audio.num_frames": "64"},
    "transformers of open_clip and of timm": VIT | {"model.audio.num_frames": "64"},
    "recurrences": {"model.image.architecture": "timm:test_resnet", "model.audio.architecture": "gru:32x1",
                    "model.text.architecture": "lstm", "reconstruction.patch_size": "16"},
}  # fmt: skip


def model_of(kind="convolutions", **settings):
    torch.manual_seed(0)
    recipe = find_recipe("reconstruct_tiny", SMALL | KINDS[kind] | settings)
    return MaskedModel(recipe.model, recipe.reconstruction)


def steps_of(model, batch, *, num=10):
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    found = []
    for _ in range(num):
        losses = model(batch, seed=1)
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
        found.append({name: value.item() for name, value in losses.items()})
    return found


@pytest.mark.parametrize("objective", ["input", "features"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_tower_learns_what_is_hidden_of_a_batch(kind, objective):
    model = model_of(kind, **{"reconstruction.objective": objective}).train()
    found = steps_of(model, batch_of(model.config, num=4))
    assert set(found[0]) == {"image", "text", "audio"}
    for name, first in found[0].items():
        assert found[-1][name] < first, name


@pytest.mark.parametrize("kind", KINDS)
def test_a_prediction_does_not_see_what_is_hidden(kind):
    model = model_of(kind).eval()
    batch, keys = batch_of(model.config, num=3), sample_keys(0, torch.arange(3))
    for name in ("image", "audio"):
        prepared, part = model.tower(name).prepared(batch.media[name]), model.parts[name]
        with torch.inference_mode():
            before = part(network_of(model.tower(name)), prepared, keys)
            other = part.seen(prepared, before.hidden_BT, torch.full((), 9.0))
            after = part(network_of(model.tower(name)), other, keys)
        assert torch.equal(before.hidden_BT, after.hidden_BT)
        assert not torch.equal(prepared, other)
        assert torch.allclose(before.predicted_BTP, after.predicted_BTP, atol=1e-5), name


def test_parts_of_a_batch_sum_to_the_whole_with_samples_that_lack_a_modality_among_them():
    model = model_of("transformers of open_clip and of timm").eval()
    whole = batch_of(model.config, num=6)
    targets = {f"has_{name}": torch.tensor([True, False, True, True, False, True]) for name in whole.media}
    whole = Batch(media=whole.media, groups_B=whole.groups_B, targets=targets)
    with torch.inference_mode():
        losses = model(whole, seed=5)
        parts = [model(part, seed=5) for part in whole.split(2)]
    for name, loss in losses.items():
        assert sum(part[name] for part in parts) / 3 == pytest.approx(loss.item(), rel=1e-4)


def test_a_modality_that_no_sample_of_a_batch_has_adds_nothing_and_breaks_nothing():
    model = model_of().train()
    batch = batch_of(model.config, num=4)
    blank = {"image": torch.zeros_like(batch.media["image"]), "audio": torch.zeros_like(batch.media["audio"])}
    none = {"has_image": torch.zeros(4, dtype=torch.bool), "has_audio": torch.zeros(4, dtype=torch.bool)}
    losses = model(Batch(media={**batch.media, **blank}, groups_B=batch.groups_B, targets=none), seed=0)
    assert losses["image"].item() == losses["audio"].item() == 0
    assert losses["text"].item() > 0
    sum(losses.values()).backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_the_sum_is_weighted_as_configured_and_of_the_chosen_modalities_alone():
    plain, heavy = (model_of(**{"reconstruction.image_weight": weight}).eval() for weight in ("1", "2.5"))
    batch = batch_of(plain.config, num=3)
    assert heavy(batch, seed=0)["image"].item() == pytest.approx(2.5 * plain(batch, seed=0)["image"].item())
    assert list(model_of(**{"reconstruction.modalities": "audio"})(batch, seed=0)) == ["audio"]


def test_the_teacher_follows_slowly_and_once_a_step():
    model = model_of(**{"reconstruction.objective": "features", "reconstruction.teacher_decay": "0.9"}).train()
    name = "text.transformer.token_embedding.weight"
    start = dict(model.named_parameters())[f"teacher.{name}"].clone()
    with torch.no_grad():
        dict(model.named_parameters())[name].add_(1.0)
    batch = batch_of(model.config, num=2)
    for _ in range(2):
        model(batch, seed=1)
    moved = dict(model.named_parameters())[f"teacher.{name}"]
    assert torch.allclose(moved, start + 0.1, atol=1e-6)
    assert not any(parameter.requires_grad for parameter in model.teacher.parameters())


def test_the_reconstruction_shows_what_was_seen_as_it_was():
    model = model_of().eval()
    images, keys = batch_of(model.config, num=2).media["image"], sample_keys(0, torch.arange(2))
    with torch.inference_mode():
        original, seen, filled = model.reconstructed("image", images, keys)
    hidden = hidden_patches(keys, 16, share=0.6).reshape(2, 4, 4).repeat_interleave(8, 1).repeat_interleave(8, 2)
    visible = ~hidden[:, None].expand_as(original)
    assert torch.equal(filled[visible], original[visible])
    assert (seen[~visible] == 0).all()
    assert not torch.allclose(filled[~visible], original[~visible])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"reconstruction.modalities": "image", "model.modalities": "text,audio"}, "Leave out image"),
        ({"reconstruction.image_masked": "1"}, "expected a share above 0"),
        ({"reconstruction.modalities": ""}, "empty"),
        ({"model.audio.architecture": "htsat", "model.audio.num_frames": "64"}, "cannot be hidden"),
        ({"reconstruction.patch_size": "12"}, "reconstruction.patch_size divides"),
        ({"model.image.size_pixels": "40"}, "halves evenly"),
        ({"model.audio.architecture": "gru:16x1", "model.audio.num_frames": "42"}, "no multiple of 4"),
    ],
)
def test_what_cannot_be_reconstructed_is_said_before_anything_is_trained(settings, said):
    with pytest.raises(RecipeError, match=said):
        model_of(**settings)
