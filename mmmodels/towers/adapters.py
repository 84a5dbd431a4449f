"""Which weights of a tower learn: all, none, or low-rank adapters beside them (LoRA, Hu et al. 2021).

Adapters are parametrizations of torch: a weight is read as W + B A. peft adds B A to an attention's weight before each
step and subtracts it after, so that the frozen weights drift by rounding; here they are never written.
"""

import math
from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from mmmodels.errors import RecipeError
from mmmodels.recipes import TowerConfig

# Shapes: O outputs, I inputs (of a convolution: its channels and the places of its window), R rank.
SCALING = 2.0
"""What peft and the paper call alpha / r."""


class LowRank(nn.Module):
    """W (O, I) to W + B A, a convolution's window laid flat; B starts at zero, so the tower starts as it was."""

    def __init__(self, weight_OI: Tensor, *, rank: int) -> None:
        super().__init__()
        self.lora_A = nn.Parameter(torch.empty(rank, weight_OI[0].numel()))
        self.lora_B = nn.Parameter(torch.zeros(weight_OI.shape[0], rank))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))

    def forward(self, weight_OI: Tensor) -> Tensor:
        return weight_OI + SCALING * (self.lora_B @ self.lora_A).view_as(weight_OI)


def prepare_tower(tower: nn.Module, config: TowerConfig) -> None:
    """Freeze it, or put adapters into it; in place."""
    if config.trained == "all":
        return
    tower.requires_grad_(False)
    if config.trained == "lora":
        add_adapters(tower, rank=config.lora_rank)


def add_adapters(tower: nn.Module, *, rank: int) -> None:
    """In place, on every matrix of its blocks; RecipeError where it has none."""
    found = _adaptable(tower)
    if not found:
        raise RecipeError(
            f"{type(tower).__name__}: no matrices of blocks to put adapters on. Set trained=all or trained=none."
        )
    for module, name in found:
        adapter = LowRank(cast("Tensor", getattr(module, name)), rank=rank)
        # Unsafe only skips a trial run, which would need the weight's values.
        parametrize.register_parametrization(module, name, adapter, unsafe=True)


def _adaptable(tower: nn.Module) -> list[tuple[nn.Module, str]]:
    """The matrices of linear layers, convolutions and attentions inside blocks: those with a number in their name."""
    inside = [module for name, module in tower.named_modules() if any(part.isdigit() for part in name.split("."))]
    attentions = [(module, "in_proj_weight") for module in inside if isinstance(module, nn.MultiheadAttention)]
    return attentions + [(module, "weight") for module in inside if isinstance(module, nn.Linear | nn.Conv2d)]


def merged(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Every W + B A as one weight under its plain name: what a model without adapters loads."""
    found: dict[str, Tensor] = {}
    for name, value in weights.items():
        if is_adapter(name):
            continue
        stem = name.removesuffix(".original")
        if stem != name and f"{stem}.0.lora_B" in weights:
            change = (weights[f"{stem}.0.lora_B"] @ weights[f"{stem}.0.lora_A"]).view_as(value)
            found[plain_name(name)] = value + SCALING * change
        else:
            found[plain_name(name)] = value
    return found


def plain_name(name: str) -> str:
    """The name of a weight as it was before adapters were put beside it."""
    return name.replace("parametrizations.", "").removesuffix(".original")


def is_adapter(name: str) -> bool:
    """Whether a weight belongs to an adapter."""
    return ".lora_" in name
