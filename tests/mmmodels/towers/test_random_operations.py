"""RandAugment and noise on the device: keyed by the sample, within bounds, nothing where nothing is asked for."""

import pytest
import torch

from mmmodels.recipes import AudioConfig, ImageConfig
from mmmodels.towers.audio import AudioTower
from mmmodels.towers.chance import sample_keys
from mmmodels.towers.image import ImageTower
from mmmodels.towers.random_operations import OPERATIONS, random_operations
from mmmodels.towers.spectrograms import with_noise


def keys(num, seed=0):
    return sample_keys(seed, torch.arange(num))


def pictures(num=64, channels=3):
    return torch.rand(num, channels, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_part_of_a_batch_is_changed_as_in_the_whole_and_stays_a_picture(channels):
    images = pictures(channels=channels)
    whole = random_operations(images, keys(64), num=2, magnitude=0.7)
    part = random_operations(images[40:], keys(64)[40:], num=2, magnitude=0.7)
    assert torch.allclose(whole[40:], part, atol=1e-6)
    assert whole.shape == images.shape
    assert 0 <= whole.min() <= whole.max() <= 1
    assert not torch.equal(whole, random_operations(images, keys(64, seed=1), num=2, magnitude=0.7))


def test_one_operation_changes_about_all_but_one_in_ten_pictures():
    images = pictures(1000)
    changed = (random_operations(images, keys(1000), num=1, magnitude=0.6) - images).abs().amax(dim=(1, 2, 3)) > 1e-6
    assert changed.float().mean().item() == pytest.approx(1 - 1 / len(OPERATIONS), abs=0.04)


def test_no_strength_and_no_operation_leave_pictures_as_they_are():
    images = pictures()
    assert torch.equal(random_operations(images, keys(64), num=0, magnitude=1.0), images)
    assert torch.allclose(random_operations(images, keys(64), num=2, magnitude=0.0), images, atol=1 / 255)


def test_noise_is_no_louder_than_asked_for_relative_to_the_clip_and_its_own_for_each_sample():
    clips = torch.randint(-9000, 9000, (32, 4000), dtype=torch.int16, generator=torch.Generator().manual_seed(0))
    noisy = with_noise(clips, keys(32), noise=0.5)
    noise = noisy - clips.float()
    ratio = noise.square().mean(dim=1).sqrt() / clips.float().square().mean(dim=1).sqrt()
    assert ratio.max() <= 0.52
    assert ratio.std() > 0.05
    assert torch.allclose(with_noise(clips[7:], keys(32)[7:], noise=0.5), noisy[7:])
    assert (with_noise(torch.zeros_like(clips), keys(32), noise=0.5) == 0).all()


def test_the_towers_use_them_where_they_are_configured_and_only_with_keys():
    image = ImageTower(ImageConfig(size_pixels=32, random_operations=2, random_magnitude=0.8), output_dim=4)
    pixels = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    plain = image.prepared(pixels)
    assert torch.equal(plain, image.prepared(pixels))
    assert not torch.allclose(plain, image.prepared(pixels, keys(4)), atol=1e-2)
    audio = AudioTower(AudioConfig(num_frames=40, noise=0.5), output_dim=4)
    clips = torch.randint(-9000, 9000, (4, 8000), dtype=torch.int16, generator=torch.Generator().manual_seed(0))
    assert not torch.allclose(audio.prepared(clips), audio.prepared(clips, keys(4)), atol=1e-2)
