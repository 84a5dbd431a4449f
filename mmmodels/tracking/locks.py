"""SQLite has one writer at a time: what met a locked database is tried again."""

import functools
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from pipelines.errors import StorageError

P = ParamSpec("P")
R = TypeVar("R")

LOCK_PAUSES_SECONDS = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Between attempts; each attempt already waits up to 20 s inside SQLite, except in a deadlock, which fails at once."""


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
