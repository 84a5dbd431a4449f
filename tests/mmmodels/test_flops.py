"""Operations by formula: the published counts, and torch's own counter on the same towers."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from mmmodels.flops import forward_operations, training_operations, utilization
from mmmodels.recipes import AudioConfig, ImageConfig, ModelConfig, TextConfig, find_recipe
from mmmodels.towers.audio import AudioTower
from mmmodels.towers.image import ImageTower
from mmmodels.towers.text import TextTower

GIGA = 1e9


def giga(name, *, tokens=None, drops=False, **settings):
    recipe = find_recipe(name, settings)
    found = forward_operations(recipe.model, text_tokens=tokens, drops_patches=drops)
    return {part: round(value / GIGA, 2) for part, value in found.items()}


def test_the_pairs_of_clip_have_their_published_operations():
    """open_clip's docs/model_profile.csv: 14.78 for ViT-B-32, 41.09 for ViT-B-16."""
    assert giga("vit_b_32") == {"image": 8.82, "text": 5.96}
    assert giga("vit_b_16") == {"image": 35.13, "text": 5.96}
    assert sum(giga("vit_b_32").values()) == pytest.approx(14.78, abs=0.005)
    assert sum(giga("vit_b_16").values()) == pytest.approx(41.09, abs=0.005)


def test_trimmed_texts_and_dropped_patches_cost_less():
    assert giga("vit_b_32", tokens=32)["text"] == 2.44
    settings = {"model.image.patch_dropout": "0.5"}
    assert giga("vit_b_32", tokens=32, drops=True, **settings) == {"image": 4.5, "text": 2.44}
    assert giga("vit_b_16", drops=True, **settings)["image"] == 17.41
    assert giga("vit_b_32", **settings)["image"] == 8.82, "evaluation drops none"


def test_htsat_has_the_operations_that_a_counter_finds():
    assert giga("clap_htsat")["audio"] == pytest.approx(11.8, abs=0.05)


def test_a_spectrogram_transformer_is_counted():
    audio = AudioConfig(architecture="timm:vit_small_patch16_224", num_frames=1024)
    config = ModelConfig(modalities=("text", "audio"), audio=audio)
    assert forward_operations(config)["audio"] / GIGA == pytest.approx(12.1, abs=0.1)


IMAGE = ImageConfig(architecture="open_clip:ViT-S-16", size_pixels=64, width=128, layers=2, patch_pixels=8)
TEXT = TextConfig(vocab_size=300, context_length=40, width=64, heads=2, layers=3)
HTSAT = AudioConfig(architecture="htsat", num_frames=1000, width=24, depths=(1, 1, 2, 1))


@pytest.mark.parametrize("modality", ["image", "text", "audio"])
def test_the_formula_is_what_torch_counts_in_training(modality):
    config = ModelConfig(embed_dim=32, image=IMAGE, text=TEXT, audio=HTSAT)
    with torch.device("meta"):
        tower, inputs = {
            "image": lambda: (ImageTower(IMAGE, output_dim=32).visual, torch.empty(2, 3, 64, 64)),
            "text": lambda: (TextTower(TEXT, output_dim=32), torch.zeros(2, 40, dtype=torch.int64)),
            "audio": lambda: (AudioTower(HTSAT, output_dim=32).network, torch.empty(2, 1, 1001, 64)),
        }[modality]()
        counter = FlopCounterMode(display=False)
        with counter:
            tower.train()(inputs)
    assert counter.get_total_flops() / 2 == pytest.approx(forward_operations(config)[modality], rel=0.01)


def test_training_is_three_passes_less_what_does_not_learn():
    config = find_recipe("vit_b_32").model
    forward = forward_operations(config)
    assert training_operations(config, ["image", "text"]) == pytest.approx(3 * sum(forward.values()))
    locked = find_recipe("vit_b_32", {"model.image.trained": "none"}).model
    expected = forward["image"] + 3 * forward["text"]
    assert training_operations(locked, ["image", "text"]) == pytest.approx(expected)


def test_utilisation_of_a_known_rate():
    """8,927 pairs a second on an H100 are 40 % for ViT-B/32 with 77 tokens."""
    per_pair = training_operations(find_recipe("vit_b_32").model, ["image", "text"])
    assert utilization(8_927 * per_pair, peak=989.4e12) == pytest.approx(0.40, abs=0.001)
