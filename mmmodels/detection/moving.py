"""Augmentation that moves boxes with their picture: a random crop, half of the pictures mirrored, other colours."""

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import box_convert

from mmmodels.recipes.detection import DetectionConfig
from mmmodels.towers.chance import between, uniform

# Shapes: B batch, C channels, H and W side, N boxes at most.
NO_BOX = -1
"""In place of a class where a sample has fewer boxes than the most."""
_CROP, _COLOUR = 1, 3


def moved(
    images_BCHW: Tensor,
    boxes_BN4: Tensor,
    classes_BN: Tensor,
    keys_B: Tensor,
    *,
    config: DetectionConfig,
    strength: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures in [0, 1], boxes (centre, size in [0, 1]) and classes after the same move; too little left is no box.

    A crop is a zoom into the picture: nothing has to be made up outside of it.
    """
    size_B, across_B, down_B, mirror_B = uniform(keys_B, 4, stream=_CROP).unbind(dim=1)
    size_B = 1 - size_B * (1 - config.min_crop) * min(1.0, strength)
    left_B, top_B = across_B * (1 - size_B), down_B * (1 - size_B)
    is_mirrored_B = (mirror_B < 0.5) & config.mirrors
    cropped_BN4, visible_BN = _cropped(boxes_BN4, left_B, top_B, size_B)
    is_seen_BN = (classes_BN != NO_BOX) & (visible_BN >= config.min_visible)
    centre_BN = torch.where(is_mirrored_B[:, None], 1 - cropped_BN4[..., 0], cropped_BN4[..., 0])
    cropped_BN4 = torch.cat([centre_BN[..., None], cropped_BN4[..., 1:]], dim=-1)
    pictures_BCHW = _seen(images_BCHW, left_B, top_B, size_B, is_mirrored_B)
    return (
        _coloured(pictures_BCHW, keys_B, strength),
        torch.where(is_seen_BN[..., None], cropped_BN4, torch.zeros_like(cropped_BN4)),
        torch.where(is_seen_BN, classes_BN, torch.full_like(classes_BN, NO_BOX)),
    )


def _cropped(boxes_BN4: Tensor, left_B: Tensor, top_B: Tensor, size_B: Tensor) -> tuple[Tensor, Tensor]:
    """Boxes in the crop's own coordinates, cut at its edges, and the share (B, N) of each that is left."""
    corners_BN4 = box_convert(boxes_BN4, "cxcywh", "xyxy")
    offset_B4 = torch.stack([left_B, top_B, left_B, top_B], dim=1)
    inside_BN4 = ((corners_BN4 - offset_B4[:, None]) / size_B[:, None, None]).clamp(0, 1)
    cut_BN4 = box_convert(inside_BN4, "xyxy", "cxcywh")
    before_BN = boxes_BN4[..., 2:].prod(dim=-1) / size_B[:, None] ** 2
    return cut_BN4, cut_BN4[..., 2:].prod(dim=-1) / before_BN.clamp(min=1e-9)


def _seen(images_BCHW: Tensor, left_B: Tensor, top_B: Tensor, size_B: Tensor, is_mirrored_B: Tensor) -> Tensor:
    affine_B23 = torch.zeros(len(size_B), 2, 3, device=images_BCHW.device)
    affine_B23[:, 0, 0] = torch.where(is_mirrored_B, -size_B, size_B)
    affine_B23[:, 1, 1] = size_B
    # The crop's centre, in coordinates from -1 to 1.
    affine_B23[:, 0, 2], affine_B23[:, 1, 2] = 2 * left_B + size_B - 1, 2 * top_B + size_B - 1
    grid = functional.affine_grid(affine_B23, list(images_BCHW.shape), align_corners=False)
    return functional.grid_sample(images_BCHW, grid, align_corners=False, padding_mode="border")


def _coloured(images_BCHW: Tensor, keys_B: Tensor, strength: float) -> Tensor:
    brightness_B1 = 1 + between(keys_B, -0.2, 0.1, 1, stream=_COLOUR) * strength
    tint_BC = between(keys_B, -0.08, 0.08, images_BCHW.shape[1], stream=_COLOUR + 1) * strength
    return images_BCHW * brightness_B1[:, :, None, None] + tint_BC[:, :, None, None]
