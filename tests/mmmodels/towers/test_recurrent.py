"""Recurrent and convolutional towers beside the Transformers: both directions, exact trimming, counted operations."""

import pytest
import torch

from mmmodels.alignment.model import TriModal
from mmmodels.errors import RecipeError
from mmmodels.flops import forward_operations, recurrence
from mmmodels.recipes import AudioConfig, TextConfig, find_recipe
from mmmodels.towers.audio import AudioTower
from mmmodels.towers.recurrent import Bidirectional
from mmmodels.towers.text import TextTower
from tests.mmmodels.recipes.test_named import batch_of
from tests.mmmodels.small import SMALL

KINDS = ["lstm", "gru", "conv"]
TEXTS = torch.tensor([[1, 5, 7, 9, 11, 299, 0, 0], [1, 6, 299, 0, 0, 0, 0, 0], [1, 299, 0, 0, 0, 0, 0, 0]])


def text(architecture, **settings):
    torch.manual_seed(0)
    sizes = {"vocab_size": 300, "context_length": 8, "width": 16, "heads": 2, "layers": 2}
    return TextTower(TextConfig(architecture=architecture, **(sizes | settings)), output_dim=6).eval()


def clips(num=3, samples=8000):
    return torch.randint(-9000, 9000, (num, samples), dtype=torch.int16, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", [*KINDS, "bidirectional"])
def test_a_text_has_the_same_vector_alone_and_among_longer_ones(kind):
    tower = text("transformer", attention="bidirectional") if kind == "bidirectional" else text(kind)
    with torch.inference_mode():
        together = tower(TEXTS)
        for row, length in ((0, 6), (1, 3), (2, 2)):
            assert torch.allclose(tower(TEXTS[row : row + 1, :length]), together[row : row + 1], atol=1e-5)


@pytest.mark.parametrize(("kind", "sees"), [("lstm", True), ("gru", True), ("conv", True), ("causal", False)])
def test_only_a_causal_tower_does_not_see_what_comes_later(kind, sees):
    tower = text("transformer") if kind == "causal" else text(kind)
    other = TEXTS.clone()
    other[0, 2] = 200
    with torch.inference_mode():
        before, after = (tower.places(ids)[0][0, 1] for ids in (TEXTS, other))
    assert torch.allclose(before, after, atol=1e-6) is not sees


def test_a_causal_tower_looks_both_ways_where_it_is_asked_to_and_gives_what_a_bidirectional_one_does():
    causal, both = text("transformer"), text("transformer", attention="bidirectional")
    both.load_state_dict(causal.state_dict())
    with torch.inference_mode():
        assert torch.allclose(causal.places(TEXTS, sees_all=True)[0], both.places(TEXTS)[0])
        assert not torch.allclose(causal.places(TEXTS)[0], both.places(TEXTS)[0], atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_the_tokens_of_a_text_are_in_the_space_of_its_vector(kind):
    tower = text(kind)
    with torch.inference_mode():
        pooled, tokens, there = tower.tokens(TEXTS[:, :6])
        assert torch.allclose(pooled, tower(TEXTS), atol=1e-5)
    assert tokens.shape == (3, 8, 6)
    assert there.sum(dim=1).tolist() == [6, 3, 2]
    means = torch.stack([row[mask].mean(dim=0) for row, mask in zip(tokens, there, strict=True)])
    assert torch.allclose(means, pooled, atol=1e-5)


@pytest.mark.parametrize("kind", ["gru", "lstm"])
@pytest.mark.parametrize("output_dim", [6, None])
def test_a_recurrent_audio_tower_gives_vectors_and_places_and_all_of_it_learns(kind, output_dim):
    tower = AudioTower(AudioConfig(architecture=f"{kind}:16x2", num_frames=40), output_dim=output_dim)
    pooled, tokens, there = tower.tokens(clips())
    assert torch.allclose(pooled, tower(clips()), atol=1e-5)
    assert pooled.shape == (3, output_dim or 16)
    assert tokens.shape == (3, 10, output_dim or 16)
    assert there.all()
    pooled.sum().backward()
    assert all(parameter.grad is not None for parameter in tower.parameters())


def test_both_directions_are_those_of_the_bidirectional_network_of_torch():
    torch.manual_seed(0)
    ours, theirs = Bidirectional("gru", inputs=5, width=8, layers=1), torch.nn.GRU(5, 4, bidirectional=True)
    weights = dict(ours.rightward[0].state_dict())
    weights |= {f"{name}_reverse": value for name, value in ours.leftward[0].state_dict().items()}
    theirs.load_state_dict(weights)
    hidden, lengths = torch.randn(3, 6, 5), torch.tensor([6, 4, 1])
    packed = torch.nn.utils.rnn.pack_padded_sequence(hidden.transpose(0, 1), lengths)
    expected = torch.nn.utils.rnn.pad_packed_sequence(theirs(packed)[0])[0].transpose(0, 1)
    there = torch.arange(6)[None] < lengths[:, None]
    assert torch.allclose(ours(hidden, lengths)[there], expected[there], atol=1e-6)
    assert torch.allclose(ours(hidden), theirs(hidden.transpose(0, 1))[0].transpose(0, 1), atol=1e-6)


@pytest.mark.parametrize(
    "settings",
    [
        {"model.text.architecture": "lstm", "model.audio.architecture": "lstm:16x1"},
        {"model.text.architecture": "conv", "model.audio.architecture": "gru:16x2"},
        {"model.image.architecture": "timm:test_resnet", "model.text.architecture": "gru"},
    ],
)
def test_an_aligner_of_such_towers_takes_a_step_from_settings_alone(settings):
    recipe = find_recipe("tiny", SMALL | settings)
    model = TriModal(recipe.model).train()
    sum(model(batch_of(recipe.model), strength=0.1, seed=0).values()).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert all(value > 0 for value in forward_operations(recipe.model).values())


def test_the_operations_of_a_recurrence_are_those_of_its_matrices():
    network = Bidirectional("lstm", inputs=12, width=8, layers=2)
    weights = sum(weight.numel() for name, weight in network.named_parameters() if "weight" in name)
    assert recurrence("lstm", 8, 2, steps=10, inputs=12) == 2 * 10 * weights


@pytest.mark.parametrize("architecture", ["gru", "gru:128", "lstm:x2", "lstm:0x2", "gru:-4x2"])
def test_wrong_sizes_say_how_they_are_written(architecture):
    with pytest.raises(RecipeError, match=r"expected .*WIDTHxLAYERS"):
        AudioTower(AudioConfig(architecture=architecture), output_dim=8)


def test_a_width_that_two_directions_cannot_share_is_refused():
    with pytest.raises(RecipeError, match="Choose an even one"):
        AudioTower(AudioConfig(architecture="gru:15x1"), output_dim=8)
