"""Spectrograms: the numbers of transformers' feature extractor, tones in their bands, masks of each sample's own."""

import math

import numpy as np
import torch
from transformers import ClapFeatureExtractor

from mmmodels.recipes import AudioConfig
from mmmodels.towers.chance import sample_keys
from mmmodels.towers.spectrograms import LogMel, augmented

CLAP = AudioConfig(
    architecture="htsat",
    sample_rate_hz=48_000,
    min_hz=50.0,
    max_hz=14_000.0,
    mel_scale="slaney",
    loudness="decibel",
    fft_samples=1024,
    window_samples=1024,
    hop_samples=480,
    num_frames=100,
)


def test_it_gives_what_claps_feature_extractor_gives():
    generator = np.random.default_rng(0)
    seconds = np.arange(CLAP.num_samples) / CLAP.sample_rate_hz
    tones = 0.3 * np.sin(2 * math.pi * 440 * seconds) + 0.05 * generator.standard_normal(CLAP.num_samples)
    clip = torch.from_numpy(np.round(tones * 32767).astype(np.int16))[None]
    extractor = ClapFeatureExtractor(frequency_min=50, frequency_max=14_000, max_length_s=1, truncation="rand_trunc")
    samples = (clip[0].float() / 32768).numpy()
    expected = extractor(samples, sampling_rate=48_000, return_tensors="pt")["input_features"][0, 0]
    ours = LogMel(CLAP)(clip)[0].T
    assert ours.shape == expected.shape == (101, 64)
    assert torch.allclose(ours, expected.float(), atol=1e-2)
    assert (ours - expected).abs().mean() < 1e-4


def test_a_tone_lights_up_the_mel_band_it_belongs_to():
    config = AudioConfig(num_frames=40)
    seconds = np.arange(config.num_samples) / config.sample_rate_hz
    tones = [torch.from_numpy((8000 * np.sin(2 * math.pi * hz * seconds)).astype(np.int16)) for hz in (300, 3000)]
    mel = LogMel(config)(torch.stack(tones))
    assert mel.shape == (2, config.num_mels, config.num_frames)
    low, high = mel.mean(dim=2).argmax(dim=1).tolist()
    assert low < 12
    assert high > 40


def test_each_sample_is_delayed_and_masked_by_its_own_key():
    config = AudioConfig(num_frames=64)
    mel = torch.rand(1, 64, 64, generator=torch.Generator().manual_seed(0)).expand(16, -1, -1)
    keys = sample_keys(0, torch.arange(16))
    changed = augmented(mel, keys, config=config, strength=1.0)
    assert changed.shape == mel.shape
    assert len({round(float(row.sum()), 4) for row in changed}) > 12
    assert torch.equal(augmented(mel[9:], keys[9:], config=config, strength=1.0), changed[9:])
    assert torch.isfinite(changed).all()
    masked = (changed == changed.mean(dim=(1, 2), keepdim=True)).float().mean()
    assert masked < 0.3
