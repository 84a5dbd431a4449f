"""Gradient caching (Gao et al. 2021): the loss of a whole batch in the memory of a part of it, by embedding twice.

First all parts are embedded without a graph, then the loss gives a gradient for every embedding, then each part is
embedded again, with the same random numbers, and sends its gradients into the weights.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmmodels.alignment.batch import Batch
from mmmodels.alignment.embedded import Embedded
from mmmodels.alignment.model import TriModal
from mmmodels.errors import RecipeError

Contexts = Callable[[], AbstractContextManager[Any]]


def cached_backward(
    model: nn.Module,
    batch: Batch,
    *,
    rows: int,
    strength: float = 0.0,
    seed: int | None = None,
    weight: float = 1.0,
    autocast: Contexts = nullcontext,
) -> dict[str, Tensor]:
    """Add the gradients of `weight` times the batch's losses to the weights; the losses, without a graph.

    `model` is a TriModal, or one in DistributedDataParallel: gradients are averaged once, with the last part.
    """
    inner: Any = getattr(model, "module", model)
    _refuse_batch_norm(inner)
    parts, states = batch.split(rows), list[list[Tensor]]()
    found: list[dict[str, Embedded]] = []
    with torch.no_grad():
        for part in parts:
            states.append(_random_state(part))
            with autocast():
                found.append(model(part, strength=strength, seed=seed, embeds=True))
    after = _random_state(batch)
    losses, gradients = _gradients(inner, found, batch, weight=weight)
    for number, part in enumerate(parts):
        is_last = number + 1 == len(parts)
        _set_random_state(states[number])
        own = {
            name: [torch.split(tensor, rows)[number] for tensor in tensors] for name, tensors in gradients[0].items()
        }
        with nullcontext() if is_last else _without_averaging(model):
            with autocast():
                # The scales' own gradients go with the last part, so that averaging sees them once.
                (surrogate,) = model(
                    part, strength=strength, seed=seed, gradients=own | (gradients[1] if is_last else {})
                ).values()
            surrogate.backward()
    _set_random_state(after)
    return losses


def _gradients(
    inner: TriModal, found: list[dict[str, Embedded]], batch: Batch, *, weight: float
) -> tuple[dict[str, Tensor], tuple[dict[str, list[Tensor]], dict[str, list[Tensor]]]]:
    """The losses, and their gradients by modality and by parameter of a pair."""
    whole = {name: _joined([part[name] for part in found]) for name in found[0]}
    parameters = inner.pair_parameters()
    losses = inner.losses(whole, groups_B=batch.groups_B)
    wanted = [tensor for part in whole.values() for tensor in part.learning()] + list(parameters.values())
    total = torch.stack(list(losses.values())).sum() * weight
    grads = torch.autograd.grad(total, wanted, allow_unused=True)
    found_grads = iter(zip(wanted, grads, strict=True))
    by_modality = {name: [_filled(*next(found_grads)) for _ in part.learning()] for name, part in whole.items()}
    # A pair that the batch lacks has no gradient, which is not the same to an optimiser as one of zeros.
    by_parameter = {name: [grad] for name, (_, grad) in zip(parameters, found_grads, strict=True) if grad is not None}
    return {name: loss.detach() for name, loss in losses.items()}, (by_modality, by_parameter)


def _filled(of: Tensor, gradient: Tensor | None) -> Tensor:
    return torch.zeros_like(of) if gradient is None else gradient


def _joined(parts: list[Embedded]) -> Embedded:
    """All rows, as leaves of a new graph."""
    tokens = [part.tokens_BTD for part in parts if part.tokens_BTD is not None]
    there = [part.there_BT for part in parts if part.there_BT is not None]
    return Embedded(
        vectors_BD=torch.cat([part.vectors_BD for part in parts]).requires_grad_(),
        tokens_BTD=torch.cat(tokens).requires_grad_() if tokens else None,
        there_BT=torch.cat(there) if there else None,
    )


def _refuse_batch_norm(model: nn.Module) -> None:
    named = [name for name, part in model.named_modules() if isinstance(part, _BatchNorm) and part.training]
    if named:
        raise RecipeError(
            f"training.cached_rows: {named[0]} is a batch norm, its statistics would be those of a part of the batch. "
            "Set training.cached_rows=0, or choose towers without batch norm."
        )


def _without_averaging(model: Any) -> AbstractContextManager[Any]:
    context: AbstractContextManager[Any] = model.no_sync() if hasattr(model, "no_sync") else nullcontext()
    return context


def _random_state(batch: Batch) -> list[Tensor]:
    device = batch.groups_B.device
    return [torch.get_rng_state(), *([torch.cuda.get_rng_state(device)] if device.type == "cuda" else [])]


def _set_random_state(state: list[Tensor]) -> None:
    torch.set_rng_state(state[0])
    for on_device in state[1:]:
        torch.cuda.set_rng_state(on_device)
