"""Augmentation of pictures: repeatable, on white, whole crops, and the same on any layout of ranks."""

import torch

from mmmodels.recipes import ImageConfig
from mmmodels.towers.augmentation import augmented, grey, random_affine, random_crop, resized
from mmmodels.towers.chance import sample_keys

DRAWINGS = ImageConfig(size_pixels=32)
PHOTOGRAPHS = ImageConfig(size_pixels=24, source_pixels=32, augmentation="photographs", min_crop=0.5)


def keys(num, seed=0):
    return sample_keys(seed, torch.arange(num))


def pictures(num=4):
    images = torch.ones(num, 3, 32, 32)
    images[:, :, 8:16, 8:16] = 0
    return images


def test_a_seeded_augmentation_is_repeatable_and_moves_the_picture():
    first, second, other = (augmented(pictures(), keys(4, seed), config=DRAWINGS, strength=1.0) for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.allclose(first, other)
    assert not torch.allclose(first[0], first[1]), "each sample has chances of its own"


def test_a_part_of_a_batch_is_augmented_as_in_the_whole():
    for config in (DRAWINGS, PHOTOGRAPHS):
        whole = augmented(pictures(8), keys(8), config=config, strength=1.0)
        part = augmented(pictures(8)[5:], keys(8)[5:], config=config, strength=1.0)
        assert torch.allclose(whole[5:], part, atol=1e-6)


def test_what_comes_into_a_drawing_from_outside_is_white():
    moved = random_affine(torch.ones(64, 3, 32, 32), keys(64), strength=1.0)
    assert (moved - 1).abs().max() < 1e-4


def test_a_crop_has_the_side_of_the_network_and_lies_within_the_picture():
    ramp = torch.linspace(0, 1, 32).expand(64, 3, 32, 32)
    crops = random_crop(ramp, keys(64), config=PHOTOGRAPHS)
    assert crops.shape == (64, 3, 24, 24)
    assert (crops.diff(dim=3) >= -1e-6).all(), "never mirrored unless asked for"
    share = crops[:, 0, 0, -1] - crops[:, 0, 0, 0]
    assert share.min() > 0.5
    assert share.max() <= 1
    assert share.std() > 0.05


def test_half_of_the_photographs_are_mirrored_where_asked_for():
    config = ImageConfig(size_pixels=24, augmentation="photographs", mirrors=True)
    crops = random_crop(torch.linspace(0, 1, 32).expand(400, 3, 32, 32), keys(400), config=config)
    mirrored = (crops[:, 0, 0, 0] > crops[:, 0, 0, -1]).float().mean()
    assert 0.4 < mirrored < 0.6


def test_a_picture_of_the_right_side_is_not_resampled():
    images = torch.rand(4, 3, 32, 32)
    assert torch.equal(resized(images, 32), images)
    assert resized(images, 16).shape == (4, 3, 16, 16)


def test_grey_keeps_white_white():
    assert torch.allclose(grey(torch.ones(2, 3, 4, 4)), torch.ones(2, 1, 4, 4))
