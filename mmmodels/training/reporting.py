"""How a step becomes known: Ray Train's report on a cluster, the same files and the same writer in one process."""

import json
import math
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import ray.train
from ray.train import Checkpoint, CheckpointUploadMode, UserCallback

from mmmodels.tracking import Tracker
from pipelines.storage import exists, get_folder, is_local, local_path, names, put_folder, read_json, remove

KEPT, METRICS = 2, "metrics.json"
"""Checkpoints beside the newest: the best ones by their validation loss, or the ones before it."""
VALIDATION_LOSS = "validation_loss"
EARLIER = "earlier"
"""Of the first report after a resume: the curve before it."""


class Reporter(Protocol):
    """Where the loop takes its start from and tells of its steps."""

    def latest(self) -> AbstractContextManager[Path | None]:
        """Folder of the newest checkpoint while the block runs, or None at the first start."""
        ...

    def resumed(self, curve: Sequence[Mapping[str, float]]) -> None:
        """What was reported before the checkpoint: a process killed between it and MLflow has left a step out there."""
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
        self.earlier: list[dict[str, float]] = []

    @contextmanager
    def latest(self) -> Iterator[Path | None]:
        checkpoint = ray.train.get_checkpoint()
        if checkpoint is None:
            yield None
            return
        with checkpoint.as_directory() as folder:
            yield Path(folder)

    def resumed(self, curve: Sequence[Mapping[str, float]]) -> None:
        """The controller alone writes to MLflow: it gets them with the first report."""
        self.earlier = [dict(point) for point in curve]

    def report(self, metrics: Mapping[str, float], checkpoint: Path | None) -> None:
        stored = Checkpoint.from_directory(str(checkpoint)) if checkpoint else None
        earlier, self.earlier = self.earlier, []
        ray.train.report(
            dict(metrics) | ({EARLIER: earlier} if earlier else {}),
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

    def __init__(self, folder: str, tracker: Tracker | None, callbacks: Sequence[UserCallback] = ()) -> None:
        self.folder = folder
        self.tracker = tracker
        self.callbacks = callbacks

    @contextmanager
    def latest(self) -> Iterator[Path | None]:
        found = self._stored()
        if not found:
            yield None
        elif is_local(found[-1]):
            yield local_path(found[-1])
        else:
            with tempfile.TemporaryDirectory(prefix="trivium-resume-") as scratch:
                yield get_folder(found[-1], Path(scratch) / "checkpoint", last=METRICS)

    def resumed(self, curve: Sequence[Mapping[str, float]]) -> None:
        if self.tracker:
            _log_earlier(self.tracker, curve)

    def report(self, metrics: Mapping[str, float], checkpoint: Path | None) -> None:
        step = int(metrics["step"])
        uri = f"{self.folder}/checkpoint_{step:08d}" if checkpoint else None
        if checkpoint and uri:
            (checkpoint / METRICS).write_text(json.dumps(dict(metrics)))
            _move(checkpoint, uri)
            for old in self._superseded():
                remove(old)
        if self.tracker:
            _log(self.tracker, metrics, checkpoint_uri=uri)
        for callback in self.callbacks:
            callback.after_report(None, [dict(metrics)], Checkpoint(uri) if uri else None)

    def is_ending(self) -> bool:
        """A process of its own gets no notice."""
        return False

    def _superseded(self) -> list[str]:
        """All but the newest and the best."""
        earlier = self._stored()[:-1]
        return sorted(earlier, key=lambda uri: (_loss_of(uri), -_step_of(uri)))[KEPT:]

    def _stored(self) -> list[str]:
        uris = [f"{self.folder}/{name}" for name in names(self.folder) if name.startswith("checkpoint_")]
        return [uri for uri in uris if exists(f"{uri}/{METRICS}")]


class MlflowReporter(UserCallback):  # type: ignore[misc]
    """Runs in Ray Train's controller, which outlives the workers: a crash leaves no step twice."""

    def __init__(self, tracker: Tracker, folder: str) -> None:
        self.tracker = tracker
        self.folder = folder
        """URI of the folder that holds the checkpoints."""

    def after_report(self, run_context: Any, metrics: list[dict[str, Any]], checkpoint: Checkpoint | None) -> None:  # noqa: ARG002
        _log_earlier(self.tracker, metrics[0].get(EARLIER, ()))
        machines = {name: value for one in metrics[1:] for name, value in one.items() if name.startswith("system/")}
        uri = f"{self.folder}/{checkpoint.path.rstrip('/').rsplit('/', 1)[-1]}" if checkpoint else None
        _log(self.tracker, machines | metrics[0], checkpoint_uri=uri)


def _log_earlier(tracker: Tracker, curve: Sequence[Mapping[str, float]]) -> None:
    """Steps that MLflow has already are left out."""
    tracker.log_points((int(point["step"]), _without_step(point)) for point in curve)


def _log(tracker: Tracker, metrics: Mapping[str, float], *, checkpoint_uri: str | None) -> None:
    """What is of the machines is no fact about a checkpoint."""
    values, step = _without_step(metrics), int(metrics["step"])
    if checkpoint_uri:
        ours = {name: value for name, value in values.items() if not name.startswith("system/")}
        tracker.log_checkpoint(ours, step, uri=checkpoint_uri)
    tracker.log(values, step)


def _move(folder: Path, uri: str) -> None:
    """Whole or not at all: what a killed process left half-written has another name, or no metrics yet."""
    if not is_local(uri):
        put_folder(folder, uri, last=METRICS)
        shutil.rmtree(folder)
        return
    path = local_path(uri)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}")
    for old in (aside, path):
        shutil.rmtree(old, ignore_errors=True)
    shutil.move(folder, aside)
    aside.rename(path)


def _loss_of(checkpoint: str) -> float:
    """Its validation loss; where there is none, all are alike and the newer ones are kept."""
    found: Any = read_json(f"{checkpoint}/{METRICS}").get(VALIDATION_LOSS, 0.0)
    return math.inf if math.isnan(found) else float(found)


def _step_of(checkpoint: str) -> int:
    return int(checkpoint.rpartition("_")[2])


def _without_step(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.items() if name not in ("step", EARLIER)}
