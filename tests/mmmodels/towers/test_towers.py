"""The towers: any architecture, exact trimming, patch dropout, tokens in the shared space, no chance without keys."""

import open_clip
import pytest
import torch

from mmmodels.errors import RecipeError
from mmmodels.recipes import AudioConfig, ImageConfig, TextConfig
from mmmodels.towers.audio import AudioTower
from mmmodels.towers.chance import sample_keys
from mmmodels.towers.image import ImageTower, without_patches
from mmmodels.towers.text import TextTower, trimmed
from mmmodels.towers.tokenizers import PAD, tokenize, train_tokenizer

TEXTS = ["a red apple", "une pomme rouge", "красное яблоко", "红苹果", "a", "a very long text " * 20]
TEXT = TextConfig(vocab_size=400, context_length=24, width=32, heads=2, layers=2)
VIT = {"architecture": "open_clip:ViT-S-16", "size_pixels": 32, "width": 64, "layers": 2, "patch_pixels": 8}
IMAGES = {
    "timm convolutions": ImageConfig(size_pixels=32),
    "timm transformer": ImageConfig(architecture="timm:test_vit", size_pixels=32),
    "timm, grey": ImageConfig(size_pixels=32, in_chans=1),
    "open_clip transformer": ImageConfig(**VIT),
    "open_clip transformer, grey": ImageConfig(**VIT, in_chans=1),
    "larger pictures": ImageConfig(**VIT, source_pixels=40, augmentation="photographs", mirrors=True),
}
CLIPS = {
    "convolutions": AudioConfig(num_frames=40),
    "transformer": AudioConfig(architecture="timm:test_vit", num_frames=64),
    "htsat": AudioConfig(architecture="htsat", num_frames=64, width=24, depths=(1, 1, 1, 1), loudness="decibel"),
}


def pictures(config, num=3):
    side, generator = config.input_pixels, torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (num, 3, side, side), dtype=torch.uint8, generator=generator)


def clips(config, num=3):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(-9000, 9000, (num, config.num_samples), dtype=torch.int16, generator=generator)


@pytest.fixture(scope="module")
def ids():
    tokenizer = train_tokenizer(TEXTS, vocab_size=TEXT.vocab_size)
    return tokenize(tokenizer, TEXTS[:5], config=TEXT)


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("output_dim", [8, None])
def test_every_image_tower_gives_vectors_of_the_width_it_says_and_learns(name, output_dim):
    tower = ImageTower(IMAGES[name], output_dim=output_dim)
    vectors = tower(pictures(tower.config), keys_B=sample_keys(0, torch.arange(3)), strength=0.5)
    assert vectors.shape == (3, output_dim or tower.output_dim)
    vectors.sum().backward()
    assert all(parameter.grad is not None for parameter in tower.parameters())


@pytest.mark.parametrize("name", CLIPS)
@pytest.mark.parametrize("output_dim", [8, None])
def test_every_audio_tower_gives_vectors_of_the_width_it_says_and_learns(name, output_dim):
    tower = AudioTower(CLIPS[name], output_dim=output_dim)
    vectors = tower(clips(tower.config), keys_B=sample_keys(0, torch.arange(3)), strength=0.5)
    assert vectors.shape == (3, output_dim or tower.output_dim)
    vectors.sum().backward()
    assert any(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in tower.parameters())


@pytest.mark.parametrize("name", IMAGES)
def test_the_tokens_of_an_image_come_with_the_same_pooled_vector(name):
    tower = ImageTower(IMAGES[name], output_dim=8).eval()
    with torch.inference_mode():
        pooled, tokens, there = tower.tokens(pictures(tower.config))
        assert torch.allclose(pooled, tower(pictures(tower.config)), atol=1e-5)
    assert tokens.shape == (3, there.shape[1], 8)
    assert there.all()


@pytest.mark.parametrize("name", CLIPS)
def test_the_tokens_of_a_clip_come_with_the_same_pooled_vector(name):
    tower = AudioTower(CLIPS[name], output_dim=8).eval()
    with torch.inference_mode():
        pooled, tokens, _ = tower.tokens(clips(tower.config))
        assert torch.allclose(pooled, tower(clips(tower.config)), atol=1e-5)
    assert tokens.shape[0] == 3
    assert tokens.shape[2] == 8


def test_trimming_to_the_longest_text_of_a_batch_changes_nothing(ids):
    torch.manual_seed(0)
    tower = TextTower(TEXT, output_dim=16).eval()
    assert (ids[:, -1] == PAD).all(), "something must be trimmed"
    with torch.inference_mode():
        whole = tower.transformer(ids)
        assert torch.allclose(tower(trimmed(ids)), whole, atol=1e-5)
        assert torch.allclose(tower(trimmed(ids, multiple=8)), whole, atol=1e-5)
        assert trimmed(ids, multiple=8).shape[1] % 8 == 0
        alone = torch.cat([tower(trimmed(row[None])) for row in ids])
        assert torch.allclose(whole, alone, atol=1e-5)


def test_a_text_with_the_padding_id_in_it_is_not_cut_there():
    ids = torch.tensor([[398, 0, 7, 0, 399, 0, 0, 0]])
    assert trimmed(ids).tolist() == [[398, 0, 7, 0, 399]]


def test_the_tokens_of_a_text_count_up_to_its_end_and_fill_the_context(ids):
    tower = TextTower(TEXT, output_dim=16).eval()
    with torch.inference_mode():
        pooled, tokens, there = tower.tokens(trimmed(ids))
        assert torch.allclose(pooled, tower(ids), atol=1e-5)
    assert tokens.shape == (5, 24, 16)
    assert there.sum(dim=1).tolist() == (ids.argmax(dim=1) + 1).tolist()
    ends = tokens[torch.arange(5), ids.argmax(dim=1)]
    assert torch.allclose(ends, pooled, atol=1e-5)


def test_patch_dropout_keeps_the_class_token_and_a_part_of_the_patches_that_hangs_on_the_sample_alone():
    hidden = torch.arange(17.0).repeat(6, 1)[:, :, None]
    keys = sample_keys(1, torch.arange(6))
    kept = without_patches(hidden, keys, share=0.5)
    assert kept.shape == (6, 9, 1)
    assert (kept[:, 0] == 0).all()
    assert (kept[:, 1:].diff(dim=1) > 0).all(), "in their order, none twice"
    assert len({tuple(row.flatten().tolist()) for row in kept}) > 1
    assert torch.equal(without_patches(hidden[4:], keys[4:], share=0.5), kept[4:])


def test_without_keys_nothing_is_dropped_and_nothing_is_moved():
    tower = ImageTower(ImageConfig(**VIT, patch_dropout=0.5), output_dim=8)
    images = pictures(tower.config)
    with torch.inference_mode():
        assert torch.equal(tower(images, strength=1.0), tower(images))
        assert not torch.allclose(tower(images, keys_B=sample_keys(0, torch.arange(3))), tower(images), atol=1e-4)


def test_an_open_clip_tower_is_the_tower_of_that_config():
    """The same weights give the same vectors as open_clip's model does after its own normalisation."""
    model = open_clip.create_model("ViT-S-16", load_weights=False).eval()
    config = ImageConfig(architecture="open_clip:ViT-S-16", size_pixels=224, mean=(0.5,), std=(0.25,))
    tower = ImageTower(config, output_dim=None).eval()
    tower.visual.load_state_dict(model.visual.state_dict())
    images = pictures(config, 1)
    with torch.inference_mode():
        expected = model.encode_image((images.float() / 255 - 0.5) / 0.25)
        assert torch.allclose(tower(images), expected, atol=1e-4)


@pytest.mark.parametrize(
    "name", ["RN50", "convnext_base", "coca_ViT-B-32", "ViT-B-16-SigLIP", "EVA02-B-16", "MobileCLIP-S1", "ViT-B-32-256"]
)
def test_configs_of_open_clip_of_every_kind_build_and_run(name):
    """All 126 configs of open_clip up to ViT-H were tried once in this way; these stand for their kinds."""
    side = open_clip.get_model_config(name)["vision_cfg"].get("image_size", 224)
    with torch.device("meta"):
        tower = ImageTower(ImageConfig(architecture=f"open_clip:{name}", size_pixels=side), output_dim=None).eval()
        vectors = tower(torch.empty(1, 3, side, side, dtype=torch.uint8))
    assert vectors.shape == (1, open_clip.get_model_config(name)["embed_dim"])


def test_silence_gives_a_finite_embedding():
    tower = AudioTower(AudioConfig(num_frames=40), output_dim=8).eval()
    assert torch.isfinite(tower(torch.zeros(2, 8000, dtype=torch.int16))).all()


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: ImageTower(ImageConfig(architecture="timm:resnet1000"), output_dim=8), "timm has no such model"),
        (lambda: ImageTower(ImageConfig(architecture="open_clip:ViT-B-33"), output_dim=8), "no such config"),
        (lambda: ImageTower(ImageConfig(architecture="resnet18"), output_dim=8), "expected timm:NAME"),
        (lambda: ImageTower(ImageConfig(layers=2), output_dim=8), "only change a ViT"),
        (lambda: AudioTower(AudioConfig(architecture="whisper"), output_dim=8), "expected timm:NAME or htsat"),
        (lambda: AudioTower(AudioConfig(width=32), output_dim=8), "only change htsat"),
    ],
)
def test_an_architecture_that_is_not_there_says_what_is(build, said):
    with pytest.raises(RecipeError, match=said):
        build()


def test_patch_dropout_on_convolutions_is_refused():
    tower = ImageTower(ImageConfig(size_pixels=32, patch_dropout=0.5), output_dim=8)
    with pytest.raises(RecipeError, match="need a ViT"):
        tower(pictures(tower.config), keys_B=sample_keys(0, torch.arange(3)))
