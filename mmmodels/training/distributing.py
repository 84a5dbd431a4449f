"""One model on many ranks: copies whose gradients are averaged (DDP), or shards of every weight (FSDP2)."""

from collections.abc import Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from mmmodels.recipes import TrainingConfig
from mmmodels.training.averaging import WeightAverage

_WHOLE = StateDictOptions(full_state_dict=True)
_GATHERED = StateDictOptions(full_state_dict=True, cpu_offload=True)
_WHOLE_OPTIMIZER = StateDictOptions(full_state_dict=True, strict=False)
"""A weight that no batch has reached yet has no state."""


def shard(model: nn.Module, config: TrainingConfig, *, world_size: int, device: torch.device) -> nn.Module:
    """Before the optimiser is built: with FSDP2 every block of a list, then every tower, then the rest is sharded."""
    if config.sharding != "fsdp" or world_size == 1:
        return model
    mesh = init_device_mesh(device.type, (world_size,))
    for blocks in [part for part in model.modules() if isinstance(part, nn.ModuleList)]:
        for block in blocks:
            fully_shard(block, mesh=mesh)
    for tower in model.children():
        if not isinstance(tower, nn.ModuleList | nn.ModuleDict | nn.ParameterDict):
            fully_shard(tower, mesh=mesh)
    fully_shard(model, mesh=mesh)
    return model


def wrap(model: nn.Module, config: TrainingConfig, *, world_size: int) -> nn.Module:
    """What the loop calls: averages gradients with the last backward pass of a step."""
    if world_size == 1 or config.sharding == "fsdp":
        return model
    # A batch of pairs leaves a tower out, and all of its weights.
    return DistributedDataParallel(model, find_unused_parameters=True)


def reshard(model: nn.Module) -> None:
    """After a forward pass without a backward one: the outermost shards stay gathered, as they are now, for ever."""
    if isinstance(model, FSDPModule):
        model.reshard()


def inner_of(model: nn.Module) -> nn.Module:
    """The model without its wrapper."""
    return model.module if isinstance(model, DistributedDataParallel) else model


def whole(value: Tensor) -> Tensor:
    """A sharded value as every rank has it."""
    return value.full_tensor() if isinstance(value, DTensor) else value


def whole_state(model: nn.Module, optimizer: torch.optim.Optimizer, average: WeightAverage | None) -> dict[str, Any]:
    """Weights, optimiser and average by name: the same whatever the sharding and the world size.

    Every rank must call it where the weights are sharded; rank 0 has the result.
    """
    options = _GATHERED if _is_sharded(model) else _WHOLE
    state: dict[str, Any] = {
        "model": get_model_state_dict(model, options=options),
        "optimizer": get_optimizer_state_dict(model, optimizer, options=options),
    }
    if average is not None:
        shadow = {name: whole(value).cpu() for name, value in average.shadow.items()}
        state["average"] = {"num_updates": average.num_updates, "shadow": shadow}
    return state


def whole_weights(model: nn.Module) -> dict[str, Tensor]:
    """By name; every rank must call it where the weights are sharded, rank 0 has the result."""
    weights: dict[str, Any] = get_model_state_dict(model, options=_GATHERED if _is_sharded(model) else _WHOLE)
    return {name: value.detach().clone() for name, value in weights.items()}


def load_whole_state(
    model: nn.Module, optimizer: torch.optim.Optimizer, average: WeightAverage | None, state: Mapping[str, Any]
) -> None:
    """The inverse; every rank gives the same state."""
    set_model_state_dict(model, state["model"], options=_WHOLE)
    set_optimizer_state_dict(model, optimizer, state["optimizer"], options=_WHOLE_OPTIMIZER)
    for name, parameter in model.named_parameters():
        if name not in state["optimizer"]["state"]:
            optimizer.state.pop(parameter, None)  # torch fills it as if the weight had taken a step
    if average is not None:
        kept = state["average"]
        shadow = {name: _as(value, kept["shadow"][name]) for name, value in average.shadow.items()}
        average.load_state_dict({"num_updates": kept["num_updates"], "shadow": shadow})


def _as(like: Tensor, value: Tensor) -> Tensor:
    """A whole value, sharded where its counterpart is."""
    if not isinstance(like, DTensor):
        return value
    return distribute_tensor(value.to(like.device), like.device_mesh, like.placements)


def _is_sharded(model: nn.Module) -> bool:
    return dist.is_initialized() and any(isinstance(parameter, DTensor) for parameter in model.parameters())
