"""Random numbers that belong to a sample: a function of (seed, position in the global batch), on any device.

A generator would give other numbers on another number of ranks. These are hashed, so ranks and parts of a batch agree.
"""

import torch
from torch import Tensor

# Shapes: B samples, N numbers of each.
_MASK = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def sample_keys(seed: int, positions_B: Tensor) -> Tensor:
    """int64 (B,): what decides everything random about each sample of a step."""
    return _mixed(_mixed(positions_B * _signed(_STEP) + _signed(seed * _STEP + _STEP)) ^ _signed(seed))


def uniform(keys_B: Tensor, num: int, *, stream: int) -> Tensor:
    """float32 (B, N) in [0, 1); another stream, another set of numbers."""
    places_N = torch.arange(num, device=keys_B.device) + (stream << 32)
    bits_BN = _mixed(_mixed(keys_B[:, None] + places_N[None] * _signed(_STEP)))
    return ((bits_BN >> 40) & 0xFFFFFF).float() / (1 << 24)


def between(keys_B: Tensor, low: float, high: float, num: int, *, stream: int) -> Tensor:
    """float32 (B, N) in [low, high)."""
    return uniform(keys_B, num, stream=stream) * (high - low) + low


def _mixed(values: Tensor) -> Tensor:
    """The finaliser of SplitMix64 (Steele et al. 2014)."""
    values = (values ^ _shifted(values, 30)) * _signed(_FIRST)
    values = (values ^ _shifted(values, 27)) * _signed(_SECOND)
    return values ^ _shifted(values, 31)


def _shifted(values: Tensor, bits: int) -> Tensor:
    """A shift that brings in zeros; that of int64 brings in the sign."""
    return (values >> bits) & ((1 << (64 - bits)) - 1)


def _signed(value: int) -> int:
    value &= _MASK
    return value - (1 << 64) if value >> 63 else value
