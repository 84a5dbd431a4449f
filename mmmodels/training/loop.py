"""The training loop: one for every task, the same on one process and on many."""

import math
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from mmmodels.alignment.model import Batch
from mmmodels.errors import RecipeError
from mmmodels.loading import Loader, Reading
from mmmodels.planning import Pool
from mmmodels.recipes import TrainingConfig
from mmmodels.training.checkpoints import load_state, save_state
from mmmodels.training.optimizing import build_optimizer, device_metrics, learning_rate, resolve_precision
from mmmodels.training.reporting import Reporter

MAX_BAD_STEPS = 5


class Task(Protocol):
    """What a recipe trains: the model's forward gives named losses of a batch, their sum is minimised."""

    def build(self) -> nn.Module:
        """The model at step 0."""
        ...

    def pools(self) -> dict[str, Pool]:
        """Kind of batch -> entries."""
        ...

    def modalities(self, kind: str, /) -> Sequence[str]:
        """What samples of a kind are read of."""
        ...

    def batch(self, reading: Reading, /) -> Batch:
        """One rank's tensors of one step."""
        ...


@dataclass(kw_only=True)
class Loop:
    """One run of one task on one rank."""

    task: Task
    loader: Loader
    config: TrainingConfig
    run_key: str
    rank: int
    world_size: int
    device: torch.device
    reporter: Reporter
    curve: list[dict[str, float]] = field(default_factory=list)
    bad_steps: int = 0
    first_step: int = 0
    """Of this attempt."""

    def run(self) -> nn.Module:
        """Train from the newest checkpoint to the last step; the trained model without its wrapper."""
        torch.manual_seed(self.config.seed)
        model = self.task.build().to(self.device)
        optimizer = build_optimizer(model, self.config)
        folder = self.reporter.latest()
        if folder is not None:
            self.first_step, self.curve = load_state(folder, run_key=self.run_key, model=model, optimizer=optimizer)
        wrapped = DistributedDataParallel(model, find_unused_parameters=True) if self.world_size > 1 else model
        dtype = resolve_precision(self.config.precision, self.device)
        wrapped.train()
        window = _Window()
        readings = self.loader.steps(self.first_step, self.config.num_steps)
        for step in range(self.first_step, self.config.num_steps):
            losses = self._step(step, readings, wrapped, optimizer, dtype, window)
            window.add({name: loss.item() for name, loss in losses.items()})
            if self._reports_at(step):
                self._report(step + 1, window, model, optimizer)
                window = _Window()
        return model

    def _step(
        self,
        step: int,
        readings: Iterator[Reading],
        model: nn.Module,
        optimizer: torch.optim.AdamW,
        dtype: torch.dtype,
        window: "_Window",
    ) -> dict[str, Tensor]:
        start = time.perf_counter()
        reading = next(readings)
        batch = self.task.batch(reading).to(self.device)
        window.read(len(reading.entries) * self.world_size, time.perf_counter() - start)
        seed = self.config.seed * 1_000_003 + step  # not the rank: a sample's position in the batch does the rest
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=dtype is torch.bfloat16):
            losses: dict[str, Tensor] = model(batch, strength=self.config.augmentation, seed=seed)
            total = torch.stack(list(losses.values())).sum()
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, self.config)
        optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(model.parameters(), self.config.max_gradient_norm)
        if self._is_finite(norm):
            optimizer.step()
        return losses

    def _is_finite(self, norm: Tensor) -> bool:
        """The clipped norm is the same on every rank (gradients are averaged), so all ranks skip the same steps."""
        if bool(torch.isfinite(norm)):
            return True
        self.bad_steps += 1
        if self.bad_steps > MAX_BAD_STEPS:
            raise RecipeError(
                f"run {self.run_key}: gradients not finite in {self.bad_steps} steps. Lower training.learning_rate "
                f"(now {self.config.learning_rate}) or set training.precision=fp32."
            )
        return False

    def _reports_at(self, step: int) -> bool:
        return (step + 1) % self.config.log_every_steps == 0 or self._checkpoints_at(step)

    def _checkpoints_at(self, step: int) -> bool:
        return (step + 1) % self.config.checkpoint_every_steps == 0 or step + 1 == self.config.num_steps

    def _report(self, step: int, window: "_Window", model: nn.Module, optimizer: torch.optim.AdamW) -> None:
        metrics = window.metrics(self.world_size) | {
            "step": step,
            "learning_rate": learning_rate(step - 1, self.config),
        }
        metrics |= {"skipped_steps": self.bad_steps} | device_metrics(self.device)
        self.curve.append(metrics)
        folder: Path | None = None
        if self.rank == 0 and self._checkpoints_at(step - 1):
            folder = Path(tempfile.mkdtemp(prefix="trivium-checkpoint-"))
            save_state(folder, run_key=self.run_key, step=step, model=model, optimizer=optimizer, curve=self.curve)
        self.reporter.report(metrics, folder)


class _Window:
    """Means and rates between two reports."""

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.losses: dict[str, list[float]] = {}
        self.num_samples = 0
        self.read_seconds = 0.0

    def read(self, num_samples: int, seconds: float) -> None:
        self.num_samples += num_samples
        self.read_seconds += seconds

    def add(self, losses: Mapping[str, float]) -> None:
        for name, loss in losses.items():
            self.losses.setdefault(f"loss_{name}", []).append(loss)

    def metrics(self, world_size: int) -> dict[str, float]:
        """A contrastive loss is that of the global batch on every rank; others are averaged over the ranks."""
        seconds = time.perf_counter() - self.start
        means = {name: math.fsum(values) / len(values) for name, values in self.losses.items()}
        if world_size > 1:
            means = _averaged(means, world_size)
        rates = {"samples_per_second": self.num_samples / seconds, "data_wait_share": self.read_seconds / seconds}
        return means | {"loss": math.fsum(means.values())} | rates


def _averaged(means: dict[str, float], world_size: int) -> dict[str, float]:
    values = torch.tensor(list(means.values()), dtype=torch.float64)
    dist.all_reduce(values)
    return dict(zip(means, (values / world_size).tolist(), strict=True))


def rank_and_size(context: Any) -> tuple[int, int]:
    """Of a Ray Train context, in a cluster or in this process."""
    return int(context.get_world_rank()), int(context.get_world_size())
