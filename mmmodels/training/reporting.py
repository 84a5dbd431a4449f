"""How a step becomes known: Ray Train's report on a cluster, the same files and the same writer in one process."""

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import ray.train
from ray.train import Checkpoint, CheckpointUploadMode, UserCallback

from mmmodels.tracking import Tracker

KEPT, METRICS = 2, "metrics.json"
"""Checkpoints beside the newest: the best ones by their validation loss, or the ones before it."""
VALIDATION_LOSS = "validation_loss"


class Reporter(Protocol):
    """Where the loop takes its start from and tells of its steps."""

    def latest(self) -> Path | None:
        """Folder of the newest checkpoint, or None at the first start."""
        ...

    def report(self, metrics: Mapping[str, float], checkpoint: Path | None) -> None:
        """All ranks call this equally often; only rank 0 has a checkpoint."""
        ...

    def is_ending(self) -> bool:
        """Whether this machine is about to be taken away: time for one more checkpoint. All ranks ask equally often."""
        ...


class RayReporter:
    """On Ray Train: it stores the checkpoints while the steps go on, its controller writes the metrics."""

    def __init__(self) -> None:
        self.warned = False

    def latest(self) -> Path | None:
        checkpoint = ray.train.get_checkpoint()
        if checkpoint is None:
            return None
        target = Path(tempfile.mkdtemp(prefix="trivium-resume-"))
        return Path(checkpoint.to_directory(str(target)))

    def report(self, metrics: Mapping[str, float], checkpoint: Path | None) -> None:
        stored = Checkpoint.from_directory(str(checkpoint)) if checkpoint else None
        ray.train.report(
            dict(metrics),
            checkpoint=stored,
            checkpoint_upload_mode=CheckpointUploadMode.ASYNC,
            delete_local_checkpoint_after_upload=True,
        )

    def is_ending(self) -> bool:
        """Once for each notice: the checkpoint that follows it is enough."""
        told = ray.train.get_preemption_info() is not None
        first, self.warned = told and not self.warned, told
        return first


class LocalReporter:
    """In this process, without Ray: checkpoints in the run's folder, metrics straight to the tracker."""

    def __init__(self, folder: Path, tracker: Tracker | None) -> None:
        self.folder = folder
        self.tracker = tracker

    def latest(self) -> Path | None:
        found = self._stored()
        return found[-1] if found else None

    def report(self, metrics: Mapping[str, float], checkpoint: Path | None) -> None:
        if checkpoint:
            self.folder.mkdir(parents=True, exist_ok=True)
            aside = self.folder / f".checkpoint_{int(metrics['step']):08d}"
            shutil.rmtree(aside, ignore_errors=True)
            shutil.move(checkpoint, aside)
            (aside / METRICS).write_text(json.dumps(dict(metrics)))
            aside.rename(self.folder / aside.name.removeprefix("."))
            for old in self._superseded():
                shutil.rmtree(old)
        if self.tracker:
            self.tracker.log(_without_step(metrics), step=int(metrics["step"]))

    def is_ending(self) -> bool:
        """A process of its own gets no notice."""
        return False

    def _superseded(self) -> list[Path]:
        """All but the newest and the best."""
        earlier = self._stored()[:-1]
        return sorted(earlier, key=lambda folder: (_loss_of(folder), -_step_of(folder)))[KEPT:]

    def _stored(self) -> list[Path]:
        return sorted(self.folder.glob("checkpoint_*"))


class MlflowReporter(UserCallback):  # type: ignore[misc]
    """Runs in Ray Train's controller, which outlives the workers: a crash leaves no step twice."""

    def __init__(self, tracker: Tracker) -> None:
        self.tracker = tracker

    def after_report(self, run_context: Any, metrics: list[dict[str, Any]], checkpoint: Checkpoint | None) -> None:  # noqa: ARG002
        self.tracker.log(_without_step(metrics[0]), step=int(metrics[0]["step"]))


def _loss_of(checkpoint: Path) -> float:
    """Its validation loss; where there is none, all are alike and the newer ones are kept."""
    return float(json.loads((checkpoint / METRICS).read_text()).get(VALIDATION_LOSS, 0.0))


def _step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("_")[2])


def _without_step(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.items() if name != "step"}
