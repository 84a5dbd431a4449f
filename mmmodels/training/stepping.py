"""One step: losses of a batch, their gradients whole, in parts or cached, clipped and taken."""

import random
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mmmodels.alignment.batch import Batch
from mmmodels.alignment.caching import cached_backward
from mmmodels.alignment.gathering import rank_and_size
from mmmodels.errors import RecipeError
from mmmodels.recipes import TrainingConfig
from mmmodels.training.averaging import WeightAverage
from mmmodels.training.distributing import inner_of, whole
from mmmodels.training.optimizing import learning_rate, resolve_precision

MAX_BAD_STEPS = 5


@dataclass(kw_only=True)
class Stepper:
    """The model, its optimiser and what they have been through; nothing here waits for the device."""

    model: nn.Module
    """As the loop calls it: wrapped where ranks average their gradients."""
    optimizer: torch.optim.AdamW
    config: TrainingConfig
    device: torch.device
    averaged: WeightAverage | None = None
    bad_steps: Tensor = field(init=False)
    """Steps left out because their gradients were not finite; the same on every rank, gradients are averaged."""

    def __post_init__(self) -> None:
        self.bad_steps = torch.zeros((), device=self.device)
        self.dtype = resolve_precision(self.config.precision, self.device)

    def step(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """The losses of the batch, detached, on the device; the weights have taken the step."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(step, self.config)
        seed_generators(self.config.seed, step)
        self.optimizer.zero_grad(set_to_none=True)
        losses = self._backward(batch, seed=self.config.seed * 1_000_003 + step)
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.config.max_gradient_norm)
        self.bad_steps += _take_step(self.optimizer, whole(norm))
        _limit(inner_of(self.model))
        if self.averaged is not None:
            self.averaged.update(inner_of(self.model))
        return losses

    @contextmanager
    def evaluating(self, model: nn.Module) -> Iterator[None]:
        """The model as it will be evaluated: averaged weights where there are any, the precision of training."""
        with self.averaged.swapped_into(model) if self.averaged else nullcontext(), self._autocast():
            yield

    def check(self, run_key: str) -> float:
        """The number of bad steps; RecipeError where there are too many. This waits for the device."""
        bad = float(self.bad_steps)
        if bad > MAX_BAD_STEPS:
            raise RecipeError(
                f"run {run_key}: gradients not finite in {bad:.0f} steps, at most {MAX_BAD_STEPS} are left out. Lower "
                f"training.learning_rate (now {self.config.learning_rate}) or set training.precision=fp32."
            )
        return bad

    def _backward(self, batch: Batch, *, seed: int) -> dict[str, Tensor]:
        num = self.config.accumulated_batches
        size = len(batch.groups_B)
        if size % num:
            raise RecipeError(
                f"training.accumulated_batches={num}: {size} samples of a rank are not that many equal parts. "
                "Choose a number that divides them."
            )
        sums: dict[str, Tensor] = {}
        for number, part in enumerate(batch.split(size // num)):
            with nullcontext() if number + 1 == num else _without_averaging(self.model):
                for name, loss in self._part(part, seed=seed, weight=1 / num).items():
                    sums[name] = sums.get(name, torch.zeros((), device=self.device)) + loss / num
        return sums

    def _part(self, part: Batch, *, seed: int, weight: float) -> dict[str, Tensor]:
        strength, rows = self.config.augmentation, self.config.cached_rows
        if 0 < rows < len(part.groups_B):
            return cached_backward(
                self.model, part, rows=rows, strength=strength, seed=seed, weight=weight, autocast=self._autocast
            )
        with self._autocast():
            losses: dict[str, Tensor] = self.model(part, strength=strength, seed=seed)
            total = torch.stack(list(losses.values())).sum() * weight
        total.backward()  # type: ignore[no-untyped-call]
        return {name: loss.detach() for name, loss in losses.items()}

    def _autocast(self) -> AbstractContextManager[Any]:
        context: AbstractContextManager[Any] = torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=self.dtype is torch.bfloat16
        )
        return context


def seed_generators(seed: int, step: int) -> None:
    """Of torch, numpy and Python: what a layer draws by itself, as dropout does, hangs on the step and the rank alone.

    So a checkpoint keeps no state of generators, and a run that goes on draws what it would have drawn.
    """
    number = (seed * 1_000_003 + step) * 65_521 + rank_and_size()[0]
    torch.manual_seed(number)
    np.random.seed(number % (1 << 32))
    random.seed(number)


def _limit(model: Any) -> None:
    """A model may have weights that must stay within bounds."""
    if hasattr(model, "after_step"):
        model.after_step()


def _take_step(optimizer: torch.optim.AdamW, norm: Tensor) -> Tensor:
    """One step, unless the norm of the gradients is not finite; 1.0 where it was left out, on the device.

    The fused kernel looks at the flag itself, so that the processor need not wait for the device in every step.
    """
    left_out = (~torch.isfinite(norm)).float()
    optimizer.found_inf = left_out  # type: ignore[attr-defined]
    optimizer.step()
    return left_out


def _without_averaging(model: Any) -> AbstractContextManager[Any]:
    """DDP sums the gradients of all parts and averages them once."""
    context: AbstractContextManager[Any] = model.no_sync() if hasattr(model, "no_sync") else nullcontext()
    return context
