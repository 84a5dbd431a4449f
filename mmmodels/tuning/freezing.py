"""Which weights of a built model learn: all, those on top of locked towers, the last layer, or adapters."""

import torch
from torch import nn

from mmmodels.errors import RecipeError
from mmmodels.recipes.tuning import TuningConfig
from mmmodels.towers.adapters import add_adapters
from mmmodels.towers.audio import AudioTower
from mmmodels.towers.image import ImageTower
from mmmodels.towers.text import TextTower

TOWERS = (ImageTower, TextTower, AudioTower)


def towers_of(model: nn.Module) -> dict[str, nn.Module]:
    """Name in the model -> tower."""
    return {name: part for name, part in model.named_modules() if isinstance(part, TOWERS)}


def tune(model: nn.Module, config: TuningConfig) -> nn.Module:
    """In place; weights that do not learn keep their values, and a locked tower the statistics that it came with."""
    if config.kind == "full":
        return model
    towers = towers_of(model)
    if not towers:
        raise RecipeError(f"tuning.kind={config.kind}: this model has no towers to lock. Set tuning.kind=full.")
    for tower in towers.values():
        tower.requires_grad_(False)
        _keep_statistics(tower)
    if config.kind == "probe":
        last = _last_layer(model, towers)
        model.requires_grad_(False)
        last.requires_grad_(True)
    if config.kind == "lora":
        for tower in towers.values():
            add_adapters(tower, rank=config.rank)
    return model


def trained_share(model: nn.Module) -> float:
    """Weights that learn over all weights."""
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    return sum(size for size, learns in sizes if learns) / max(1, sum(size for size, _ in sizes))


def _keep_statistics(tower: nn.Module) -> None:
    """Batch norms of a locked tower neither learn nor are moved by what they see, whatever `train()` says."""
    for part in tower.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):  # noqa: SLF001
            part.register_forward_pre_hook(_in_evaluation)


def _in_evaluation(part: nn.Module, _inputs: tuple[torch.Tensor, ...]) -> None:
    part.training = False


def _last_layer(model: nn.Module, towers: dict[str, nn.Module]) -> nn.Linear:
    layers = [
        part
        for name, part in model.named_modules()
        if isinstance(part, nn.Linear) and not any(name.startswith(f"{tower}.") for tower in towers)
    ]
    if not layers:
        raise RecipeError("tuning.kind=probe: no linear layer stands on the towers. Set tuning.kind=frozen.")
    return layers[-1]
