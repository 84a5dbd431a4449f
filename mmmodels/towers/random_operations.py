"""RandAugment (Cubuk et al. 2020) on the device: of each picture a few operations of one strength, by its key.

Every operation is computed for the whole batch and taken where a picture drew it: no picture waits for another, and the
same pictures come out on any layout of ranks.
"""

import torch
from torch import Tensor
from torch.nn import functional

from mmmodels.towers.chance import uniform

# Shapes: B batch, C channels, H and W side, N numbers of a draw.
_FIRST = 60
_LUMA = (0.299, 0.587, 0.114)
OPERATIONS = (
    *("nothing", "turn", "shear", "shift"),
    *("brightness", "contrast", "colour", "solarize", "posterize", "sharpness"),
)
_GEOMETRIC = 4
"""The first so many move pixels; the others change their values."""


def random_operations(images_BCHW: Tensor, keys_B: Tensor, *, num: int, magnitude: float) -> Tensor:
    """Pictures in [0, 1] after `num` operations each, as far as `magnitude` of [0, 1] says, to either side."""
    for number in range(num):
        draws_BN = uniform(keys_B, 3, stream=_FIRST + number)
        chosen_B = (draws_BN[:, 0] * len(OPERATIONS)).long()
        sign_B = torch.where(draws_BN[:, 1] < 0.5, -1.0, 1.0) * magnitude
        across_B = draws_BN[:, 2] < 0.5
        moved_BCHW = _moved(images_BCHW, chosen_B, sign_B, across_B)
        images_BCHW = _recoloured(moved_BCHW, chosen_B, sign_B).clamp(0, 1)
    return images_BCHW


def _moved(images_BCHW: Tensor, chosen_B: Tensor, sign_B: Tensor, across_B: Tensor) -> Tensor:
    """One affine map of each picture: up to 30 degrees, a shear of 0.3, a shift of 0.45 of half the side."""
    angle_B = torch.where(chosen_B == 1, sign_B * 0.5236, 0.0)
    shear_B = torch.where(chosen_B == 2, sign_B * 0.3, 0.0)
    shift_B = torch.where(chosen_B == 3, sign_B * 0.45, 0.0)
    affine_B23 = torch.zeros(len(chosen_B), 2, 3, device=images_BCHW.device)
    affine_B23[:, 0, 0] = affine_B23[:, 1, 1] = torch.cos(angle_B)
    affine_B23[:, 0, 1] = -torch.sin(angle_B) + shear_B * across_B
    affine_B23[:, 1, 0] = torch.sin(angle_B) + shear_B * ~across_B
    affine_B23[:, 0, 2], affine_B23[:, 1, 2] = shift_B * across_B, shift_B * ~across_B
    grid = functional.affine_grid(affine_B23, list(images_BCHW.shape), align_corners=False)
    moved_BCHW = functional.grid_sample(images_BCHW, grid, align_corners=False, padding_mode="border")
    is_moved_B = (chosen_B > 0) & (chosen_B < _GEOMETRIC)
    return torch.where(is_moved_B[:, None, None, None], moved_BCHW, images_BCHW)


def _recoloured(images_BCHW: Tensor, chosen_B: Tensor, sign_B: Tensor) -> Tensor:
    factor_B111 = (1 + 0.9 * sign_B)[:, None, None, None]
    strength_B111 = sign_B.abs()[:, None, None, None]
    grey_B1HW = _grey(images_BCHW)
    mean_B111 = grey_B1HW.mean(dim=(1, 2, 3), keepdim=True)
    levels_B111 = 2 ** (8 - (strength_B111 * 4).round()) - 1
    threshold_B111 = 1 - strength_B111
    changed = {
        4: images_BCHW * factor_B111,
        5: mean_B111 + (images_BCHW - mean_B111) * factor_B111,
        6: grey_B1HW + (images_BCHW - grey_B1HW) * factor_B111,
        7: torch.where(images_BCHW > threshold_B111, 1 - images_BCHW, images_BCHW),
        8: (images_BCHW * levels_B111).round() / levels_B111,
        9: _smooth(images_BCHW) + (images_BCHW - _smooth(images_BCHW)) * factor_B111,
    }
    for number, values_BCHW in changed.items():
        images_BCHW = torch.where((chosen_B == number)[:, None, None, None], values_BCHW, images_BCHW)
    return images_BCHW


def _grey(images_BCHW: Tensor) -> Tensor:
    if images_BCHW.shape[1] == 1:
        return images_BCHW
    return torch.einsum("bchw,c->bhw", images_BCHW, torch.tensor(_LUMA, device=images_BCHW.device))[:, None]


def _smooth(images_BCHW: Tensor) -> Tensor:
    """The mean of nine neighbours; edges repeat."""
    padded = functional.pad(images_BCHW, (1, 1, 1, 1), mode="replicate")
    return functional.avg_pool2d(padded, 3, stride=1)
