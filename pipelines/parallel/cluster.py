"""The same on a Ray cluster: tasks as in `processes`, a bounded number of them handed to Ray at a time."""

import importlib
import logging
import os
import pickle
import socket
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import ray
from ray import exceptions

from pipelines.errors import CorpusError
from pipelines.parallel.failures import Failures, died
from pipelines.parallel.processes import MAX_ATTEMPTS
from pipelines.parallel.serving import attempt

T = TypeVar("T")
R = TypeVar("R")
_OBJECT_STORE_BYTES = 128 << 20  # results are small; media never pass through it
_LOOK_SECONDS = 1.0
"""How long Ray is waited for at a time: while it waits, no signal is seen."""
_CONNECT_SECONDS = 10.0
_OTHER_FILES = ["**/__pycache__", "**/*.pyc"]


def run_on_ray(
    function: Callable[[T], R],
    tasks: Iterable[T],
    *,
    num_workers: int,
    address: str | None,
    failures: Failures,
    keep_going: bool,
) -> Generator[tuple[int, R], None, None]:
    """(position, result) as they come; what fails goes into `failures`.

    A cluster that this process is connected to already is used and left as it is.
    """
    with _connected(function, num_workers=num_workers, address=address):
        num_tasks = num_workers or int(ray.cluster_resources().get("CPU", 1))
        crew = _Crew(function, tasks, failures, keep_going=keep_going)
        try:
            yield from crew.run(num_tasks)
        except BaseException:  # also Ctrl-C and a closed generator
            crew.cancel()
            raise


class _Crew:
    """The tasks that Ray has, by the reference to their result."""

    def __init__(
        self, function: Callable[[Any], Any], tasks: Iterable[Any], failures: Failures, *, keep_going: bool
    ) -> None:
        self._function = function
        self._tasks = enumerate(tasks)
        self._failures = failures
        self._keep_going = keep_going
        self._under_way: dict[Any, tuple[int, Any]] = {}
        self._attempt = ray.remote(num_cpus=1, max_retries=MAX_ATTEMPTS - 1)(attempt)

    def run(self, num_tasks: int) -> Iterator[tuple[int, Any]]:
        while len(self._under_way) < num_tasks and self._start_next():
            pass
        while self._under_way:
            done, _ = ray.wait(list(self._under_way), num_returns=1, timeout=_LOOK_SECONDS)
            for reference in done:
                position, task = self._under_way.pop(reference)
                succeeded, value = self._outcome(reference, task)
                if not succeeded:
                    self._failures.add(position, task, value)
                self._start_next()
                if succeeded:
                    yield position, value

    def cancel(self) -> None:
        """End what runs; where the connection is gone it ends by itself."""
        for reference in self._under_way:
            with suppress(Exception):
                ray.cancel(reference, force=True)
        self._under_way.clear()

    def _start_next(self) -> bool:
        if self._failures.count and not self._keep_going:
            return False
        try:
            position, task = next(self._tasks, (-1, None))
        except Exception as error:  # noqa: BLE001 - the listing ended badly: what is under way is kept, then it is raised
            self._failures.add(sys.maxsize, f"the tasks of {self._failures.what}", error)
            self._tasks = enumerate(())
            return False
        if position < 0:
            return False
        self._under_way[self._attempt.remote(pickle.dumps((self._function, task)))] = position, task
        return True

    def _outcome(self, reference: Any, task: Any) -> tuple[bool, Any]:
        try:
            outcome: tuple[bool, Any] = pickle.loads(ray.get(reference))  # noqa: S301 - from our own worker
        except (exceptions.WorkerCrashedError, exceptions.OutOfMemoryError, exceptions.NodeDiedError) as error:
            how = " ".join(str(error).split())[:200]
            return False, died(self._failures.what, task, how=how, attempts=MAX_ATTEMPTS)
        except (exceptions.RuntimeEnvSetupError, exceptions.RayTaskError) as error:  # `attempt` itself raises nothing
            return False, CorpusError(
                f"{self._failures.what}: Ray cannot run our code on {task}: {' '.join(str(error).split())[-500:]}. "
                "Install the same Python and packages on the nodes of the cluster."
            )
        return outcome


@contextmanager
def _connected(function: Callable[..., Any], *, num_workers: int, address: str | None) -> Iterator[None]:
    if ray.is_initialized():
        yield
        return
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if address is None:
            ray.init(
                address="local",
                num_cpus=num_workers or None,
                include_dashboard=False,
                object_store_memory=_OBJECT_STORE_BYTES,
                runtime_env={"env_vars": {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}},
                **quiet,
            )
        else:
            _knock(address)
            ray.init(address=address, runtime_env=_our_code(function), **quiet)
    except (OSError, RuntimeError, ValueError) as error:
        where = "a local cluster" if address is None else f"a cluster at {address}"
        raise CorpusError(
            f"Ray: no connection to {where} ({' '.join(str(error).split())[:300]}). Start it with: ray start --head, "
            "and where it asks for a token set RAY_AUTH_MODE=token here; or run on processes."
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Ray itself takes minutes to say that nobody is there."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host, int(port)), _CONNECT_SECONDS).close()


def _our_code(function: Callable[..., Any]) -> Mapping[str, Any]:
    """Our package and that of the function travel with the run, so that workers run what is installed here."""
    while isinstance(function, partial):
        function = function.func
    roots = dict.fromkeys(("pipelines", function.__module__.partition(".")[0]))
    files = {root: importlib.import_module(root).__file__ for root in roots if root not in sys.stdlib_module_names}
    folders = [str(Path(file).parent) for file in files.values() if file and Path(file).name == "__init__.py"]
    return {"py_modules": folders, "excludes": _OTHER_FILES}
