"""Every recipe by name: it builds at its published size without memory, and a small one of its kind takes a step."""

import pytest
import torch

from mmmodels.alignment.batch import Batch
from mmmodels.alignment.counting import parameter_counts
from mmmodels.alignment.model import TriModal
from mmmodels.recipes import RECIPES, find_recipe
from mmmodels.training.optimizing import build_optimizer

ALIGNERS = [name for name, recipe in RECIPES.items() if recipe().task == "align"]
SMALL = {
    "model.embed_dim": "16",
    "model.image.size_pixels": "32",
    "model.image.source_pixels": "40",
    "model.text.width": "32",
    "model.text.heads": "2",
    "model.text.layers": "1",
}
SMALL_VIT = {"model.image.width": "64", "model.image.layers": "1", "model.image.patch_pixels": "8"}
SMALL_HTSAT = {"model.audio.num_frames": "64", "model.audio.width": "24", "model.audio.depths": "1,1,1,1"}
PUBLISHED = {
    # CLIP's own counts (open_clip's docs/model_profile.csv): 151.28 and 149.62 million with the scale.
    "vit_b_32": {"image": 87.85, "text": 63.43},
    "vit_b_16": {"image": 86.19, "text": 63.43},
    "vit_s_16": {"image": 21.81, "text": 40.44},
    # HTSAT-tiny of transformers with its heads; the text tower has two layers more.
    "clap_htsat": {"text": 63.95, "audio": 28.19},
    "trimodal_b_32": {"image": 87.85, "text": 63.43, "audio": 28.19},
}


@pytest.mark.parametrize("name", ALIGNERS)
def test_it_builds_at_its_full_size(name):
    recipe = find_recipe(name)
    with torch.device("meta"):
        model = TriModal(recipe.model)
    counts = {part: total / 1e6 for part, (_, total) in parameter_counts(model).items()}
    for part, millions in PUBLISHED.get(name, {}).items():
        assert counts[part] == pytest.approx(millions, abs=0.02), part


@pytest.mark.parametrize("name", ALIGNERS)
def test_a_small_one_of_its_kind_takes_a_step(name):
    settings = dict(SMALL)
    if name not in ("tiny", "retrieve_tiny"):
        settings |= SMALL_VIT | (SMALL_HTSAT if "audio" in find_recipe(name).model.modalities else {})
    recipe = find_recipe(name, settings)
    torch.manual_seed(0)
    model = TriModal(recipe.model).train()
    optimizer = build_optimizer(model, recipe.training)
    batch = batch_of(recipe.model)
    losses = [total(model, batch) for _ in range(2)]
    losses[0].backward()
    optimizer.step()
    assert torch.isfinite(losses[0])
    assert losses[0].item() == losses[1].item(), "the step's chances hang on its seed alone"
    assert total(model, batch).item() != losses[0].item()


def total(model, batch):
    return sum(model(batch, strength=0.1, seed=0).values())


def batch_of(config, num=6):
    generator = torch.Generator().manual_seed(0)
    side, end = config.image.input_pixels, config.text.vocab_size - 1
    ids = torch.randint(2, 300, (num, config.text.context_length), generator=generator)
    ids[:, 6], ids[:, 7:] = end, 0
    clips = torch.randint(-9000, 9000, (num, config.audio.num_samples), dtype=torch.int16, generator=generator)
    media = {
        "image": torch.randint(0, 256, (num, 3, side, side), dtype=torch.uint8, generator=generator),
        "text": ids,
        "audio": clips,
    }
    return Batch(media={name: media[name] for name in config.modalities}, groups_B=torch.arange(num))


def test_the_recipes_around_text_train_only_pairs_with_text():
    assert find_recipe("trimodal_b_32").model.pairs == (("image", "text"), ("text", "audio"))
    assert find_recipe("vit_b_32").model.pairs == (("image", "text"),)


@pytest.mark.parametrize(("name", "samples"), [("vit_b_32", 128e6), ("vit_b_16", 1.28e9)])
def test_a_recipe_of_datacomp_sees_as_many_samples_as_its_scale(name, samples):
    training = find_recipe(name).training
    assert training.num_steps * training.batch_size == pytest.approx(samples, rel=1e-4)
