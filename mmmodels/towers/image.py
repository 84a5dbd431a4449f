"""The image tower: a timm network as open_clip builds it from a config, fed with uint8."""

from typing import cast

import torch
from open_clip.timm_model import TimmModel
from torch import Tensor, nn
from torch.nn import functional

from mmmodels.recipes import ImageConfig

# Shapes: B batch, C channels, H and W side, D embedding.


class ImageTower(nn.Module):
    """uint8 images (B, 3, H, W) to embeddings (B, D), not normalised; augments only while training."""

    def __init__(self, config: ImageConfig, *, embed_dim: int) -> None:
        super().__init__()
        self.config = config
        self.mean_C11, self.std_C11 = (torch.tensor(values)[:, None, None] for values in (config.mean, config.std))
        self.visual = TimmModel(
            config.network,
            embed_dim=embed_dim,
            image_size=config.size_pixels,
            pool="avg",
            proj="linear",
        ).to(memory_format=torch.channels_last)

    def forward(
        self, images_BCHW: Tensor, *, strength: float = 0.0, generator: torch.Generator | None = None
    ) -> Tensor:
        images_BCHW = images_BCHW.float().div_(255)
        if self.training and strength > 0:
            images_BCHW = augment_images(images_BCHW, strength=strength, generator=generator)
        normal_BCHW = images_BCHW.sub_(self.mean_C11).div_(self.std_C11)
        return cast("Tensor", self.visual(normal_BCHW.contiguous(memory_format=torch.channels_last)))


def augment_images(images_BCHW: Tensor, *, strength: float, generator: torch.Generator | None) -> Tensor:
    """Random scale, rotation, shift and colour of images in [0, 1]; what comes in from outside is white."""
    num = len(images_BCHW)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(num, *shape, generator=generator).to(images_BCHW) * (high - low) + low

    scale, angle = 1 + uniform(-0.2, 0.2) * strength, uniform(-0.2, 0.2) * strength
    affine_B23 = torch.zeros(num, 2, 3).to(images_BCHW)
    affine_B23[:, 0, 0], affine_B23[:, 0, 1] = scale * torch.cos(angle), -scale * torch.sin(angle)
    affine_B23[:, 1, 0], affine_B23[:, 1, 1] = scale * torch.sin(angle), scale * torch.cos(angle)
    affine_B23[:, :, 2] = uniform(-0.12, 0.12, 2) * strength
    grid = functional.affine_grid(affine_B23, list(images_BCHW.shape), align_corners=False)
    # Sampling the negative makes the zero padding white.
    moved_BCHW = 1 - functional.grid_sample(1 - images_BCHW, grid, align_corners=False)
    return moved_BCHW * (1 + uniform(-0.2, 0.1, 1, 1, 1) * strength) + uniform(-0.08, 0.08, 3, 1, 1) * strength
