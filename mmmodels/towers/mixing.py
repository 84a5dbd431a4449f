"""Mixup (Zhang et al. 2018): a picture or a clip is blended with its neighbour's, and its label in the same share.

Neighbours are places 2k and 2k + 1 of the global batch, which is in random order already: so who is mixed with whom
does not hang on the layout of ranks. A text cannot be blended; the larger share is always a sample's own, and so is its
text.
"""

from collections.abc import Mapping
from functools import cache

import torch
from torch import Tensor

from mmmodels.errors import RecipeError
from mmmodels.towers.chance import sample_keys, uniform

# Shapes: B batch.
_SHARES = 70
_RANGES = {torch.uint8: (0, 255), torch.int16: (-32768, 32767)}


def neighbours(positions_B: Tensor) -> Tensor:
    """int64 (B,): row of each sample's neighbour; a rank's batch must be of whole pairs."""
    if len(positions_B) % 2:
        raise RecipeError(
            f"fusion.mixup: {len(positions_B)} samples of a rank are no pairs. Choose an even batch size."
        )
    return torch.arange(len(positions_B), device=positions_B.device) ^ 1


def own_shares(seed: int, positions_B: Tensor, *, alpha: float) -> Tensor:
    """float32 (B,) of 0.5 to 1: Beta(alpha, alpha) by its quantiles, the same for both of a pair."""
    draws_B = uniform(sample_keys(seed, positions_B // 2), 1, stream=_SHARES)[:, 0]
    table = torch.tensor(_quantiles(alpha), device=positions_B.device)
    shares_B = table[(draws_B * len(table)).long()]
    return torch.maximum(shares_B, 1 - shares_B)


def mixed(media: Mapping[str, Tensor], partners_B: Tensor, shares_B: Tensor) -> dict[str, Tensor]:
    """Pictures (uint8) and clips (int16) blended, everything else as it is."""
    found = dict(media)
    for name, values in media.items():
        if values.dtype in _RANGES:
            share = shares_B.view(-1, *[1] * (values.ndim - 1))
            blend = share * values.float() + (1 - share) * values[partners_B].float()
            found[name] = blend.round().clamp(*_RANGES[values.dtype]).to(values.dtype)
    return found


@cache
def _quantiles(alpha: float, *, num: int = 4096) -> tuple[float, ...]:
    from scipy.special import betaincinv

    return tuple(float(betaincinv(alpha, alpha, (place + 0.5) / num)) for place in range(num))
