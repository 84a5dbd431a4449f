"""Augmentation of pictures on the device, each by the key of its sample."""

import torch
from torch import Tensor
from torch.nn import functional

from mmmodels.recipes import ImageConfig
from mmmodels.towers.chance import between, uniform

# Shapes: B batch, C channels, H and W side.
_AFFINE, _CROP, _COLOUR = 1, 2, 3
_LOG_RATIO = 0.2877
"""Of a crop's sides: 3:4 to 4:3."""


def augmented(images_BCHW: Tensor, keys_B: Tensor, *, config: ImageConfig, strength: float) -> Tensor:
    """Pictures in [0, 1] moved as the configuration says, at the side that the network takes, and coloured."""
    if config.augmentation == "photographs":
        moved_BCHW = random_crop(images_BCHW, keys_B, config=config)
    else:
        moved_BCHW = resized(random_affine(images_BCHW, keys_B, strength=strength), config.size_pixels)
    num_channels = images_BCHW.shape[1]
    brightness_B1 = 1 + between(keys_B, -0.2, 0.1, 1, stream=_COLOUR) * strength
    tint_BC = between(keys_B, -0.08, 0.08, num_channels, stream=_COLOUR + 1) * strength
    return moved_BCHW * brightness_B1[:, :, None, None] + tint_BC[:, :, None, None]


def random_affine(images_BCHW: Tensor, keys_B: Tensor, *, strength: float) -> Tensor:
    """Random scale, rotation and shift; what comes in from outside is white."""
    scale_B, angle_B = (1 + between(keys_B, -0.2, 0.2, 2, stream=_AFFINE) * strength).unbind(dim=1)
    angle_B = angle_B - 1
    affine_B23 = torch.zeros(len(keys_B), 2, 3, device=images_BCHW.device)
    affine_B23[:, 0, 0], affine_B23[:, 0, 1] = scale_B * torch.cos(angle_B), -scale_B * torch.sin(angle_B)
    affine_B23[:, 1, 0], affine_B23[:, 1, 1] = scale_B * torch.sin(angle_B), scale_B * torch.cos(angle_B)
    affine_B23[:, :, 2] = between(keys_B, -0.12, 0.12, 2, stream=_AFFINE + 10) * strength
    grid = functional.affine_grid(affine_B23, list(images_BCHW.shape), align_corners=False)
    # Sampling the negative makes the zero padding white.
    return 1 - functional.grid_sample(1 - images_BCHW, grid, align_corners=False)


def random_crop(images_BCHW: Tensor, keys_B: Tensor, *, config: ImageConfig) -> Tensor:
    """A random box of `min_crop` to 1 of the area, sampled at the side of the network; mirrored if configured."""
    area_B, ratio_B, across_B, down_B, mirror_B = uniform(keys_B, 5, stream=_CROP).unbind(dim=1)
    area_B = area_B * (1 - config.min_crop) + config.min_crop
    ratio_B = torch.exp((ratio_B * 2 - 1) * _LOG_RATIO)
    width_B, height_B = ((area_B * ratio_B).sqrt().clamp(max=1), (area_B / ratio_B).sqrt().clamp(max=1))
    sign_B = torch.where(mirror_B < 0.5, -1.0, 1.0) if config.mirrors else torch.ones_like(mirror_B)
    affine_B23 = torch.zeros(len(keys_B), 2, 3, device=images_BCHW.device)
    affine_B23[:, 0, 0], affine_B23[:, 1, 1] = sign_B * width_B, height_B
    # The box's centre, in coordinates from -1 to 1.
    affine_B23[:, 0, 2], affine_B23[:, 1, 2] = (across_B * 2 - 1) * (1 - width_B), (down_B * 2 - 1) * (1 - height_B)
    shape = [*images_BCHW.shape[:2], config.size_pixels, config.size_pixels]
    grid = functional.affine_grid(affine_B23, shape, align_corners=False)
    return functional.grid_sample(images_BCHW, grid, align_corners=False, padding_mode="border")


def resized(images_BCHW: Tensor, side: int) -> Tensor:
    """At that side, smoothed where they shrink."""
    if images_BCHW.shape[-2:] == (side, side):
        return images_BCHW
    return functional.interpolate(images_BCHW, (side, side), mode="bilinear", antialias=True, align_corners=False)


def grey(images_BCHW: Tensor) -> Tensor:
    """(B, 1, H, W): luma as of ITU-R BT.601."""
    weights_C = torch.tensor([0.299, 0.587, 0.114], device=images_BCHW.device)
    return torch.einsum("bchw,c->bhw", images_BCHW, weights_C)[:, None]
