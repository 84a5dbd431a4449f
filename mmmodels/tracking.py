"""Runs, metrics and dataset inputs: the only writer to MLflow during training.

Importing this module does not import mlflow. Every path into mlflow runs its whole `__init__`, pandas included: there
is no lighter import to choose, so it waits for the first client.
"""

import functools
import json
import logging
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar

from pipelines.errors import StorageError
from pipelines.storage import is_local, local_path

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

P = ParamSpec("P")
R = TypeVar("R")

LOCK_PAUSES_SECONDS = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Between attempts; each attempt already waits up to 20 s inside SQLite, except in a deadlock, which fails at once."""
METRICS_PER_BATCH = 1000
ENTRIES_PER_BATCH = 100
"""MLflow's own limits for metrics, and for params or tags, in one call."""
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # it asks the network
    "MLFLOW_LOGGING_LEVEL": "WARNING",  # "Creating initial MLflow database tables..."
    "MLFLOW_UV_AUTO_DETECT": "false",  # a lock file in the working folder is not the model's
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
"""MLflow's own switches, set before it is imported (it reads them then) unless the user has set them."""
LOUD_LOGGERS = {
    "mlflow.store.db.utils": logging.CRITICAL,  # a stack trace for each locked database, which it raises as well
    "mlflow.utils.environment": logging.ERROR,  # that an environment made by uv has no pip
}
DATASET_DIGEST_LENGTH = 32
"""Of MLflow's 36 characters at most; the whole digest stands in the tag `view_digest`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Dataset:
    """What a run reads: a view by its name, its digest (64 hex digits) and where it lies."""

    name: str
    digest: str
    uri: str

    @property
    def short_digest(self) -> str:
        return self.digest[:DATASET_DIGEST_LENGTH]


def local_tracking_uri(home: Path) -> str:
    """The database of a home folder, with an absolute path: other processes run in other folders."""
    return f"sqlite:///{home.resolve() / 'mlflow.db'}"


def local_artifacts(uri: str) -> str | None:
    """Where a SQLite database keeps its files, beside itself; None where a server decides."""
    path = _sqlite_path(uri)
    return None if path is None else (path.parent / "mlartifacts").as_uri()


def _sqlite_path(uri: str) -> Path | None:
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


@functools.lru_cache(maxsize=8)
def open_client(uri: str) -> "MlflowClient":
    """A client of the database or server at `uri`; the first one of a process imports mlflow."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    path = _sqlite_path(uri)
    if path is not None:
        _check_database(path)
    with warnings.catch_warnings():  # mlflow and sqlalchemy warn about themselves while they are imported
        warnings.simplefilter("ignore")
        import mlflow.pyfunc  # noqa: F401
        from mlflow.tracking import MlflowClient

        if path is not None and not path.exists():
            _create_database(path)
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    for logger, level in LOUD_LOGGERS.items():
        logging.getLogger(logger).setLevel(level)
    return client


def _check_database(path: Path) -> None:
    """Refuse at once what SQLAlchemy would retry for two minutes before it says so."""
    if not path.is_absolute():
        raise StorageError(f"sqlite:///{path}: a relative path. Name the database from the root: sqlite:////home/...")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("r+b") if path.exists() else tempfile.TemporaryFile(dir=path.parent) as file:
            head = file.read(16)
    except OSError as error:
        raise StorageError(
            f"{path}: cannot be written ({error.strerror}). Free space or fix its permissions, or name another home."
        ) from error
    if head not in (b"", b"SQLite format 3\0"):
        raise StorageError(f"{path}: not a SQLite database. Move it away, or name another home.")


def _create_database(path: Path) -> None:
    """Make the tables aside, without syncing each of some hundred statements, and show the database when it is whole.

    A kill in between leaves no half-migrated database. The default experiment gets a folder beside the database; a bare
    client would name ./mlruns.
    """
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    from sqlalchemy import Engine, event

    def unsynced(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA synchronous = OFF")

    create: Callable[..., Any] = SqlAlchemyStore  # it has no annotations
    aside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    aside.unlink(missing_ok=True)
    event.listen(Engine, "connect", unsynced)
    try:
        create(f"sqlite:///{aside}", local_artifacts(f"sqlite:///{path}")).engine.dispose()
        with aside.open("rb") as file:
            os.fsync(file.fileno())
        _show(aside, path)
    finally:
        event.remove(Engine, "connect", unsynced)
        aside.unlink(missing_ok=True)


def _show(aside: Path, path: Path) -> None:
    """Give the database its name, unless another process was first: its database is as good, and may be in use."""
    try:
        os.link(aside, path)
    except FileExistsError:
        pass
    except OSError:  # a filesystem without hard links
        aside.replace(path)


def patient(function: Callable[P, R]) -> Callable[P, R]:
    """Run again what failed because another process holds the SQLite database; the function must be idempotent."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        for pause_seconds in LOCK_PAUSES_SECONDS:
            try:
                return function(*args, **kwargs)
            except Exception as error:
                if not _is_locked(error):
                    raise
                time.sleep(pause_seconds)
        try:
            return function(*args, **kwargs)
        except Exception as error:
            if not _is_locked(error):
                raise
            raise StorageError(
                "mlflow.db: another process holds it (database is locked). Stop that process, then run this again."
            ) from error

    return run


def _is_locked(error: Exception) -> bool:
    """Both MLflow and SQLAlchemy pass SQLite's words on."""
    return "database is locked" in str(error)


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
    _last_steps: dict[str, int] | None = field(default=None, init=False, repr=False)
    """Per metric, as MLflow has it; read once per process and attempt, by the first `log`."""

    def __reduce__(self) -> tuple[Callable[..., "Tracker"], tuple[str | None, ...]]:
        return _tracker, (self.uri, self.experiment, self.artifacts, self.run_id)

    @patient
    def start(
        self, run_key: str, *, params: Mapping[str, object], tags: Mapping[str, str], dataset: Dataset | None = None
    ) -> str:
        """The id of the run of this run_key: continued where there is one, created otherwise."""
        client = open_client(self.uri)
        experiment_id = self._experiment_id(client)
        run = find_run(client, [experiment_id], run_key)
        if run is None:
            run = client.create_run(experiment_id, tags={"run_key": run_key}, run_name=run_key[:12])
        elif run.info.status != "RUNNING":
            client.update_run(run.info.run_id, status="RUNNING")
        self.run_id = run.info.run_id
        self._last_steps = None
        changed = self._log_params(client, run, flatten(params))
        view = {"view_digest": dataset.digest, "view_uri": dataset.uri} if dataset else {}
        self._set_tags(client, {**tags, **view, **changed, **_earlier(run, tags)})
        if dataset:
            _log_dataset(client, self.run_id, dataset)
        return self.run_id

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Log one step; a metric whose last logged step is not before it is left out (a resumed run reports again)."""
        self.log_points([(step, metrics)])

    @patient
    def log_points(self, points: Iterable[tuple[int, Mapping[str, float]]]) -> None:
        """Log several steps in few calls, with the rule of `log`."""
        from mlflow.entities import Metric

        client = open_client(self.uri)
        if self._last_steps is None:
            self._last_steps = _last_steps(client.get_run(self.run_id))
        now_ms, seen, fresh = int(time.time() * 1000), dict(self._last_steps), list[Metric]()
        for step, metrics in sorted(points, key=lambda point: point[0]):
            for name, value in metrics.items():
                if step > seen.get(name, -1):
                    fresh.append(Metric(name, float(value), now_ms, step))
                    seen[name] = step
        for batch in _batches(fresh, METRICS_PER_BATCH):
            client.log_batch(self.run_id, metrics=batch)
            self._last_steps.update({metric.key: metric.step for metric in batch})

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
        for batch in _batches(new, ENTRIES_PER_BATCH):
            client.log_batch(self.run_id, params=batch)
        return {f"changed.{name}": params[name] for name in params if known.get(name, params[name]) != params[name]}

    def _set_tags(self, client: "MlflowClient", tags: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        for batch in _batches([RunTag(name, str(value)) for name, value in tags.items()], ENTRIES_PER_BATCH):
            client.log_batch(self.run_id, tags=batch)


def _tracker(uri: str, experiment: str, artifacts: str | None, run_id: str) -> Tracker:
    """A copy for another process, which reads the last steps again."""
    return Tracker(uri=uri, experiment=experiment, artifacts=artifacts, run_id=run_id)


def find_run(client: "MlflowClient", experiment_ids: list[str], run_key: str) -> "Run | None":
    """The first run tagged with this run_key, or None."""
    found = client.search_runs(
        experiment_ids, f"tags.run_key = '{run_key}'", max_results=1, order_by=["attributes.start_time ASC"]
    )
    return found[0] if found else None


def flatten(values: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    """Nested values by dotted names; text stays text, anything else becomes JSON."""
    flat: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value if isinstance(value, str) else json.dumps(value, default=str)
    return flat


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


def _log_dataset(client: "MlflowClient", run_id: str, dataset: Dataset) -> None:
    from mlflow.entities import Dataset as Entity
    from mlflow.entities import DatasetInput, InputTag

    uri = local_path(dataset.uri).resolve().as_uri() if is_local(dataset.uri) else dataset.uri
    scheme = uri.split("://", 1)[0]
    entity = Entity(
        name=dataset.name,
        digest=dataset.short_digest,
        source_type="local" if scheme == "file" else scheme,
        source=json.dumps({"uri": uri}),
    )
    client.log_inputs(run_id, [DatasetInput(entity, [InputTag("mlflow.data.context", "training")])])


def _batches(items: list[R], size: int) -> Iterable[list[R]]:
    return (items[start : start + size] for start in range(0, len(items), size))
