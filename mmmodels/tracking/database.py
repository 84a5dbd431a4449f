"""The database or server that runs are written to: a client of it, and a SQLite file that is made whole."""

import functools
import logging
import os
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import StorageError

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

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
