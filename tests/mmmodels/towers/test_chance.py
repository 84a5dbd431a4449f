"""Random numbers of samples: the same on any layout, even, and independent enough to augment with."""

import torch

from mmmodels.towers.chance import between, sample_keys, uniform


def test_a_sample_has_its_numbers_wherever_it_stands():
    keys = sample_keys(3, torch.arange(100))
    assert torch.equal(sample_keys(3, torch.arange(100)[40:60]), keys[40:60])
    numbers = uniform(keys, 5, stream=1)
    assert torch.equal(uniform(keys[40:60], 5, stream=1), numbers[40:60])
    assert torch.equal(uniform(keys, 3, stream=1), numbers[:, :3])


def test_seeds_positions_and_streams_give_other_numbers():
    keys = torch.cat([sample_keys(seed, torch.arange(1000)) for seed in range(20)])
    assert len(keys.unique()) == len(keys)
    first, second = uniform(keys, 1, stream=1), uniform(keys, 1, stream=2)
    assert abs(torch.corrcoef(torch.stack([first[:, 0], second[:, 0]]))[0, 1]) < 0.03


def test_the_numbers_are_even_between_their_bounds_and_not_correlated():
    numbers = uniform(sample_keys(0, torch.arange(20_000)), 4, stream=7)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    counts = torch.histc(numbers, bins=20, min=0, max=1) / numbers.numel()
    assert (counts - 0.05).abs().max() < 0.003
    correlations = torch.corrcoef(numbers.T) - torch.eye(4)
    assert correlations.abs().max() < 0.03
    neighbours = torch.corrcoef(torch.stack([numbers[:-1, 0], numbers[1:, 0]]))[0, 1]
    assert abs(neighbours) < 0.03


def test_between_has_its_bounds():
    numbers = between(sample_keys(0, torch.arange(1000)), -2.0, 3.0, 2, stream=0)
    assert numbers.min() >= -2
    assert 2.9 < numbers.max() < 3
