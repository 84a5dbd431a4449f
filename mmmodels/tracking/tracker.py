"""One run in MLflow, found again by its run key; each step of each metric is written once."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mmmodels.tracking import checkpoints
from mmmodels.tracking.database import local_artifacts, open_client
from mmmodels.tracking.datasets import Dataset, joined, log_datasets, tags_of
from mmmodels.tracking.entries import ENTRIES_PER_BATCH, METRICS_PER_BATCH, batches, flatten
from mmmodels.tracking.locks import patient
from pipelines.errors import StorageError

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient


@dataclass(kw_only=True, slots=True)
class Tracker:
    """One run, found again by its run_key, so that all attempts share it; one process writes at a time.

    Holds text only: it is pickled into Ray Train's controller and works there as it is.
    """

    uri: str
    experiment: str
    artifacts: str | None = None
    """Where a new experiment keeps its files; default: beside a SQLite database, or what the server says."""
    run_id: str = ""
    data: tuple[str, str] | None = None
    """Name and short digest of what the run reads: metrics of checkpoints name it."""
    _last_steps: dict[str, int] | None = field(default=None, init=False, repr=False)
    """Per metric, as MLflow has it; read once per process and attempt, by the first `log`."""

    def __reduce__(self) -> tuple[Callable[..., "Tracker"], tuple[object, ...]]:
        return _tracker, (self.uri, self.experiment, self.artifacts, self.run_id, self.data)

    @patient
    def start(
        self,
        run_key: str,
        *,
        params: Mapping[str, object],
        tags: Mapping[str, str],
        datasets: Sequence[Dataset] = (),
        parent_run_id: str | None = None,
    ) -> str:
        """The id of the run of this run_key: continued where there is one, created otherwise."""
        client = open_client(self.uri)
        experiment_id = self._experiment_id(client)
        run = find_run(client, [experiment_id], run_key)
        if run is None:
            name = tags.get("mlflow.runName", f"{self.experiment} {run_key[:8]}")
            run = client.create_run(experiment_id, tags={"run_key": run_key}, run_name=name)
        elif run.info.status != "RUNNING":
            client.update_run(run.info.run_id, status="RUNNING")
        self.run_id, self._last_steps, self.data = run.info.run_id, None, joined(datasets)
        changed = self._log_params(client, run, flatten(params))
        nested = {"mlflow.parentRunId": parent_run_id} if parent_run_id else {}
        self._set_tags(client, {**tags, **nested, **tags_of(datasets), **changed, **_earlier(run, tags)})
        log_datasets(client, self.run_id, datasets)
        return self.run_id

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Log one step; a metric whose last logged step is not before it is left out (a resumed run reports again)."""
        self.log_points([(step, metrics)])

    def log_checkpoint(self, metrics: Mapping[str, float], step: int, *, uri: str) -> None:
        """Log one step whose metrics are also those of the checkpoint at `uri`; it becomes a logged model."""
        self.log_points([(step, metrics)], model_id=self._checkpoint(uri, step))

    @patient
    def log_points(self, points: Iterable[tuple[int, Mapping[str, float]]], *, model_id: str | None = None) -> None:
        """Log several steps in few calls, with the rule of `log`."""
        from mlflow.entities import Metric

        client = open_client(self.uri)
        if self._last_steps is None:
            self._last_steps = _last_steps(client.get_run(self.run_id))
        now_ms, seen, fresh = int(time.time() * 1000), dict(self._last_steps), list[Metric]()
        name, digest = self.data if self.data and model_id else (None, None)
        of = {"model_id": model_id, "dataset_name": name, "dataset_digest": digest, "run_id": self.run_id}
        for step, metrics in sorted(points, key=lambda point: point[0]):
            for key, value in metrics.items():
                if step > seen.get(key, -1):
                    fresh.append(Metric(key, float(value), now_ms, step, **of))
                    seen[key] = step
        for batch in batches(fresh, METRICS_PER_BATCH):
            client.log_batch(self.run_id, metrics=batch)
            self._last_steps.update({metric.key: metric.step for metric in batch})

    @patient
    def settle_checkpoints(self, best_by: str) -> None:
        """At the end of a run: only checkpoints that are still stored, the one with the lowest `best_by` marked."""
        client = open_client(self.uri)
        run = client.get_run(self.run_id)
        checkpoints.drop_missing(client, run)
        checkpoints.mark_best(client, run, best_by)

    @patient
    def _checkpoint(self, uri: str, step: int) -> str:
        client = open_client(self.uri)
        run = client.get_run(self.run_id)
        checkpoints.drop_missing(client, run)
        return checkpoints.find_or_create(client, run, uri=uri, step=step)

    @patient
    def other(self, run_key: str) -> "Tracker | None":
        """The run of another key in the same experiment, as it is; None where there is none."""
        client = open_client(self.uri)
        run = find_run(client, [self._experiment_id(client)], run_key)
        return _tracker(self.uri, self.experiment, self.artifacts, run.info.run_id, None) if run else None

    @patient
    def set_links(self, links: Mapping[str, str]) -> None:
        """Tag the run with ids of other systems; `<name>.earlier` keeps what a later attempt changes."""
        client = open_client(self.uri)
        self._set_tags(client, {**links, **_earlier(client.get_run(self.run_id), links)})

    @patient
    def log_artifacts(self, path: Path, folder: str = "") -> None:
        """Copy one file, or the content of one folder, to `folder` among the run's artifacts."""
        client = open_client(self.uri)
        copy = client.log_artifacts if path.is_dir() else client.log_artifact
        copy(self.run_id, str(path), folder or None)

    @patient
    def finish(self, status: Literal["FINISHED", "FAILED", "KILLED"] = "FINISHED") -> None:
        """Close the run; `start` opens it again."""
        open_client(self.uri).set_terminated(self.run_id, status)

    def _experiment_id(self, client: "MlflowClient") -> str:
        found = client.get_experiment_by_name(self.experiment)
        if found is None:
            location = self.artifacts or local_artifacts(self.uri)
            if location and not self.artifacts:
                location = f"{location}/{self.experiment}"
            return str(client.create_experiment(self.experiment, artifact_location=location))
        if found.lifecycle_stage != "active":
            raise StorageError(
                f"experiment {self.experiment!r}: it was deleted in MLflow, so nothing can be logged to it. "
                f"Restore it: mlflow experiments restore --experiment-id {found.experiment_id}"
            )
        return str(found.experiment_id)

    def _log_params(self, client: "MlflowClient", run: "Run", params: Mapping[str, str]) -> dict[str, str]:
        """Log the params that are new; MLflow's cannot change, so changed ones (more workers) come back as tags."""
        from mlflow.entities import Param

        known = run.data.params
        new = [Param(name, value) for name, value in params.items() if name not in known]
        for batch in batches(new, ENTRIES_PER_BATCH):
            client.log_batch(self.run_id, params=batch)
        return {f"changed.{name}": params[name] for name in params if known.get(name, params[name]) != params[name]}

    def _set_tags(self, client: "MlflowClient", tags: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        for batch in batches([RunTag(name, str(value)) for name, value in tags.items()], ENTRIES_PER_BATCH):
            client.log_batch(self.run_id, tags=batch)


def _tracker(uri: str, experiment: str, artifacts: str | None, run_id: str, data: tuple[str, str] | None) -> Tracker:
    """A copy for another process, which reads the last steps again."""
    return Tracker(uri=uri, experiment=experiment, artifacts=artifacts, run_id=run_id, data=data)


def find_run(client: "MlflowClient", experiment_ids: list[str], run_key: str) -> "Run | None":
    """The first run tagged with this run_key, or None."""
    found = client.search_runs(
        experiment_ids, f"tags.run_key = '{run_key}'", max_results=1, order_by=["attributes.start_time ASC"]
    )
    return found[0] if found else None


def _earlier(run: "Run", links: Mapping[str, str]) -> dict[str, str]:
    """The values that these tags are about to replace, added to those replaced before."""
    known = run.data.tags
    return {
        f"{name}.earlier": " ".join(filter(None, (known.get(f"{name}.earlier"), known[name])))
        for name, link in links.items()
        if known.get(name, link) != link
    }


def _last_steps(run: "Run") -> dict[str, int]:
    """The last logged step of each metric."""
    return {metric.key: metric.step for metric in run.data.to_proto().metrics}
