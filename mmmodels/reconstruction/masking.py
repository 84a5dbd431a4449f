"""What is hidden of each sample: a function of its key alone, and so of (seed, step, place in the global batch)."""

import torch
from torch import Tensor

from mmmodels.towers.chance import uniform

# Shapes: B batch, T patches, L tokens, C channels, P values of a patch.
_PATCHES, _TOKENS, _HOW, _INSTEAD = 40, 41, 42, 43


def hidden_patches(keys_B: Tensor, num: int, *, share: float, run: int = 1) -> Tensor:
    """bool (B, T): the same number of each sample, at least one hidden and one seen; in runs of `run` neighbours."""
    runs = -(-num // run)
    chosen = num_hidden(runs, share=share)
    places_BR = uniform(keys_B, runs, stream=_PATCHES).argsort(dim=1, stable=True)[:, :chosen]
    hidden_BR = torch.zeros(len(keys_B), runs, dtype=torch.bool, device=keys_B.device).scatter_(1, places_BR, True)
    return hidden_BR.repeat_interleave(run, dim=1)[:, :num]


def num_hidden(num: int, *, share: float) -> int:
    """Of so many patches or runs."""
    return min(max(1, round(num * share)), num - 1)


def hidden_tokens(ids_BL: Tensor, keys_B: Tensor, *, share: float) -> Tensor:
    """bool (B, L): of the tokens between start and end; at least one of a text that has any."""
    places_L = torch.arange(ids_BL.shape[1], device=ids_BL.device)
    inside_BL = (places_L[None] > 0) & (places_L[None] < ids_BL.argmax(dim=1)[:, None])
    draws_BL = uniform(keys_B, ids_BL.shape[1], stream=_TOKENS).masked_fill(~inside_BL, 2.0)
    return inside_BL & ((draws_BL < share) | (draws_BL == draws_BL.min(dim=1, keepdim=True).values))


def disturbed(ids_BL: Tensor, hidden_BL: Tensor, keys_B: Tensor) -> tuple[Tensor, Tensor]:
    """BERT: of the hidden tokens 80 % become the mask (bool (B, L)), 10 % another token of any kind, 10 % stay."""
    how_BL = uniform(keys_B, ids_BL.shape[1], stream=_HOW)
    others_BL = uniform(keys_B, ids_BL.shape[1], stream=_INSTEAD)
    # Ids of the vocabulary between start and the highest of all: never an end, which would cut the text there.
    instead_BL = (others_BL * (ids_BL.max() - 2)).long() + 2
    return torch.where(hidden_BL & (how_BL >= 0.9), instead_BL, ids_BL), hidden_BL & (how_BL < 0.8)


def patches_of(values_BCHW: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, T, P): row by row, the values of a patch channel by channel."""
    batch, channels, height, width = values_BCHW.shape
    rows, columns = height // size[0], width // size[1]
    cut = values_BCHW.reshape(batch, channels, rows, size[0], columns, size[1])
    return cut.permute(0, 2, 4, 1, 3, 5).reshape(batch, rows * columns, -1)


def put_together(patches_BTP: Tensor, size: tuple[int, int], shape: tuple[int, int, int]) -> Tensor:
    """The inverse: (B, C, H, W) of shape (C, H, W)."""
    channels, height, width = shape
    rows, columns = height // size[0], width // size[1]
    cut = patches_BTP.reshape(len(patches_BTP), rows, columns, channels, *size)
    return cut.permute(0, 3, 1, 4, 2, 5).reshape(-1, channels, height, width)
