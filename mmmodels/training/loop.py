"""The training loop: one for every task, the same on one process and on many."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mmmodels.alignment.batch import Batch
from mmmodels.loading import Loader, Reading
from mmmodels.recipes import TrainingConfig
from mmmodels.tasks.task import Task
from mmmodels.training.averaging import WeightAverage
from mmmodels.training.checkpoints import load_state, save_state
from mmmodels.training.distributing import shard, whole_weights, wrap
from mmmodels.training.optimizing import build_optimizer, device_metrics, learning_rate
from mmmodels.training.reporting import Reporter
from mmmodels.training.stepping import Stepper
from mmmodels.training.validating import Validation
from mmmodels.training.windows import Window, any_rank
from mmmodels.tuning.freezing import trained_share


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
    validation: Validation | None = None
    operations: Callable[[Batch], float] | None = None
    """Floating-point operations that the training of a batch of one rank takes."""
    curve: list[dict[str, float]] = field(default_factory=list)
    first_step: int = 0
    """Of this attempt."""
    saved_at: float = field(default_factory=time.monotonic)
    """When the last checkpoint of this attempt was taken, or when it began."""

    def run(self) -> dict[str, Tensor]:
        """Train from the newest checkpoint to the last step; the trained weights, whole on rank 0.

        Averaged weights where the recipe asks for them: they are what is evaluated and registered.
        """
        stepper, model = self._start()
        window, readings = Window(), self.loader.steps(self.first_step, self.config.num_steps)
        for step in range(self.first_step, self.config.num_steps):
            self._step(step, readings, stepper, window)
            if self._reports_at(step):
                self._report(step + 1, window, stepper, model)
                window = Window()
        with stepper.evaluating(model):
            return whole_weights(model)

    def _start(self) -> tuple[Stepper, nn.Module]:
        torch.manual_seed(self.config.seed)
        model = self.task.build().to(self.device)
        if self.config.compiles:
            _compile(model)
        shard(model, self.config, world_size=self.world_size, device=self.device)
        optimizer = build_optimizer(model, self.config)
        average = WeightAverage(model, decay=self.config.ema_decay) if self.config.ema_decay > 0 else None
        with self.reporter.latest() as folder:
            if folder is not None:
                state = load_state(folder, run_key=self.run_key, model=model, optimizer=optimizer, average=average)
                self.first_step, self.curve = self.loader.plan.resume(state.data), state.curve
                self.reporter.resumed(self.curve)
        if self.rank == 0:
            _forget_killed(self.run_key)
        wrapped = wrap(model, self.config, world_size=self.world_size).train()
        stepper = Stepper(model=wrapped, optimizer=optimizer, config=self.config, device=self.device, averaged=average)
        return stepper, model

    def _step(self, step: int, readings: Iterator[Reading], stepper: Stepper, window: Window) -> None:
        start = time.perf_counter()
        reading = next(readings)
        batch = self.task.batch(reading).to(self.device)
        window.read(len(reading.entries) * self.world_size, time.perf_counter() - start)
        window.substituted += reading.num_substituted
        window.operations += self.operations(batch) if self.operations else 0.0
        window.add(stepper.step(batch, step))

    def _reports_at(self, step: int) -> bool:
        return (step + 1) % self.config.log_every_steps == 0 or self._checkpoints_at(step)

    def _checkpoints_at(self, step: int) -> bool:
        return (step + 1) % self.config.checkpoint_every_steps == 0 or step + 1 == self.config.num_steps

    def _is_time(self) -> bool:
        """Whether a checkpoint is due by the clock, or the machine is about to be taken away; equal on every rank."""
        minutes = self.config.checkpoint_every_minutes
        late = minutes > 0 and time.monotonic() - self.saved_at >= 60 * minutes
        return any_rank(self.reporter.is_ending() or late, self.world_size)

    def _report(self, step: int, window: Window, stepper: Stepper, model: nn.Module) -> None:
        metrics = window.metrics(self.world_size) | {
            "step": step,
            "learning_rate": learning_rate(step - 1, self.config),
            "trained_share": trained_share(model),
            "skipped_steps": stepper.check(self.run_key),
            **device_metrics(self.device),
        }
        folder: Path | None = None
        if self._checkpoints_at(step - 1) or self._is_time():
            if self.validation is not None:
                metrics |= self.validation.metrics(stepper, model)
            folder = self._save(step, [*self.curve, metrics], stepper, model)
        self.curve.append(metrics)
        self.reporter.report(metrics, folder)

    def _save(self, step: int, curve: list[dict[str, float]], stepper: Stepper, model: nn.Module) -> Path | None:
        """All ranks come here: a sharded state is gathered from them. Only rank 0 has a folder in the end."""
        folder = Path(tempfile.mkdtemp(prefix=_aside(self.run_key))) if self.rank == 0 else None
        save_state(
            folder,
            run_key=self.run_key,
            data=self.loader.plan.state(step),
            model=model,
            optimizer=stepper.optimizer,
            average=stepper.averaged,
            curve=curve,
        )
        self.saved_at = time.monotonic()
        return folder


def _aside(run_key: str) -> str:
    """How folders begin in which checkpoints are made."""
    return f"trivium-checkpoint-{run_key}-"


def _forget_killed(run_key: str) -> None:
    """A process that was killed while it made a checkpoint has left one; nobody else trains this run."""
    for left in Path(tempfile.gettempdir()).glob(f"{_aside(run_key)}*"):
        shutil.rmtree(left, ignore_errors=True)


def _compile(model: Any) -> None:
    """The towers, where the model has a way to compile them apart from its losses and collectives."""
    (model.compile_towers if hasattr(model, "compile_towers") else model.compile)()


def rank_and_size(context: Any) -> tuple[int, int]:
    """Of a Ray Train context, in a cluster or in this process."""
    return int(context.get_world_rank()), int(context.get_world_size())
