"""The towers: exact trimming of text, spectrograms that see tones, augmentation that keeps white white."""

import math

import numpy as np
import pytest
import torch

from mmmodels.recipes import AudioConfig, ImageConfig, TextConfig
from mmmodels.towers.audio import AudioTower, LogMel
from mmmodels.towers.image import ImageTower, augment_images
from mmmodels.towers.text import PAD, TextTower, tokenize, train_tokenizer

TEXTS = ["a red apple", "une pomme rouge", "красное яблоко", "红苹果", "a", "a very long text " * 20]
TEXT = TextConfig(vocab_size=400, context_length=24, width=32, heads=2, layers=2)


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(TEXTS, vocab_size=TEXT.vocab_size)


def test_any_text_of_any_script_has_tokens_that_decode_to_it(tokenizer):
    for text in ("красная дверь", "日本語", "emoji \N{OCTOPUS}", "مرحبا"):
        assert tokenizer.decode(tokenizer.encode(text).ids).strip() == text


def test_the_end_token_is_the_highest_id_and_stands_even_in_a_text_that_is_cut(tokenizer):
    ids = tokenize(tokenizer, TEXTS, config=TEXT)
    assert ids.shape == (len(TEXTS), TEXT.context_length)
    assert (ids.max(dim=1).values == TEXT.vocab_size - 1).all()
    assert ids[-1, -1] == TEXT.vocab_size - 1


def test_trimming_to_the_longest_text_of_a_batch_changes_nothing(tokenizer):
    torch.manual_seed(0)
    tower = TextTower(TEXT, embed_dim=16).eval()
    ids = tokenize(tokenizer, TEXTS[:5], config=TEXT)
    assert (ids[:, -1] == PAD).all(), "something must be trimmed"
    with torch.inference_mode():
        assert torch.allclose(tower(ids), tower.transformer(ids), atol=1e-5)
        alone = torch.cat([tower(row[None]) for row in ids])
        assert torch.allclose(tower(ids), alone, atol=1e-5)


def test_the_order_of_the_texts_does_not_change_the_tokenizer(tokenizer):
    assert train_tokenizer(reversed(TEXTS * 2), vocab_size=TEXT.vocab_size).to_str() == tokenizer.to_str()


def test_a_tone_lights_up_the_mel_band_it_belongs_to():
    config = AudioConfig(num_frames=40)
    log_mel = LogMel(config)
    seconds = np.arange(config.num_samples) / config.sample_rate_hz
    tones = [torch.from_numpy((8000 * np.sin(2 * math.pi * hz * seconds)).astype(np.int16)) for hz in (300, 3000)]
    mel = log_mel(torch.stack(tones))
    assert mel.shape == (2, config.num_mels, config.num_frames)
    low, high = mel.mean(dim=2).argmax(dim=1).tolist()
    assert low < 12
    assert high > 40


def test_silence_gives_a_finite_embedding():
    tower = AudioTower(AudioConfig(num_frames=40), embed_dim=8).eval()
    assert torch.isfinite(tower(torch.zeros(2, 8000, dtype=torch.int16))).all()


def test_a_seeded_augmentation_is_repeatable_and_moves_the_picture():
    images = torch.ones(4, 3, 32, 32)
    images[:, :, 8:16, 8:16] = 0
    first, second, other = (
        augment_images(images, strength=1.0, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, second)
    assert not torch.allclose(first, other)


def test_what_comes_into_the_picture_from_outside_is_white():
    images = torch.ones(64, 3, 32, 32)
    moved = augment_images(images, strength=1.0, generator=torch.Generator().manual_seed(0))
    spread = moved.amax(dim=(2, 3)) - moved.amin(dim=(2, 3))
    assert spread.max() < 1e-4


def test_evaluation_never_augments():
    tower = ImageTower(ImageConfig(size_pixels=32), embed_dim=8).eval()
    images = torch.randint(0, 255, (2, 3, 32, 32), dtype=torch.uint8)
    assert torch.equal(tower(images, strength=1.0), tower(images))
