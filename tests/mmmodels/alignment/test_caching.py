"""Gradient caching gives the gradients of the whole batch, with the same random numbers in both embeddings."""

import pytest
import torch
from torch import nn

from mmmodels.alignment.caching import cached_backward
from mmmodels.alignment.model import TriModal
from mmmodels.errors import RecipeError
from mmmodels.recipes import find_recipe
from tests.mmmodels.alignment.ranks import MODELS, small_batch, small_model, trained


class Hidden(nn.Module):
    """Dropout of torch behind a tower's projection: it draws from the generator of the process."""

    def forward(self, vectors):
        return nn.functional.dropout(vectors, 0.5, training=True)


def with_dropout():
    model = small_model()
    for name in ("image", "text", "audio"):
        model.heads[name] = Hidden()
    return model


def gradients_of(model):
    return {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}


@pytest.mark.parametrize("name", MODELS)
def test_a_batch_in_parts_has_the_losses_and_gradients_of_the_whole(name):
    whole, parts = trained(name, cached=False), trained(name, cached=True)
    assert whole.keys() == parts.keys()
    for key, value in whole.items():
        assert (parts[key] - value).abs().max() <= 1e-5 * max(1.0, float(value.abs().max())), key


def test_with_dropout_both_embeddings_of_a_part_are_the_same():
    batch, cached, plain = small_batch(), with_dropout(), with_dropout()
    torch.manual_seed(5)
    losses = cached_backward(cached, batch, rows=3)
    after = torch.rand(1)
    torch.manual_seed(5)
    # The reference embeds the same parts in the same order, and keeps the whole graph.
    parts = [plain.embed_batch(part) for part in batch.split(3)]
    assert torch.equal(after, torch.rand(1)), "the generator goes on as if each part had been embedded once"
    whole = {
        name: type(parts[0][name])(vectors_BD=torch.cat([part[name].vectors_BD for part in parts])) for name in parts[0]
    }
    expected = plain.losses(whole, groups_B=batch.groups_B)
    torch.stack(list(expected.values())).sum().backward()
    assert losses.keys() == expected.keys()
    assert all(torch.equal(losses[name], expected[name]) for name in losses)
    found = gradients_of(cached)
    for name, value in gradients_of(plain).items():
        assert (found[name] - value).abs().max() <= 1e-5 * max(1.0, float(value.abs().max())), name


def test_the_weight_of_a_batch_scales_its_gradients():
    half, whole = small_model(), small_model()
    cached_backward(half, small_batch(), rows=4, weight=0.5)
    cached_backward(whole, small_batch(), rows=4)
    name = "text.transformer.token_embedding.weight"
    assert torch.allclose(gradients_of(half)[name] * 2, gradients_of(whole)[name], atol=1e-6)


def test_a_batch_norm_is_refused_by_name():
    model = TriModal(find_recipe("tiny", {"model.image.size_pixels": "32"}).model).train()
    with pytest.raises(RecipeError, match=r"image\.visual.* is a batch norm"):
        cached_backward(model, small_batch(), rows=4)
