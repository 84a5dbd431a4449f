"""The same on a Ray cluster: tasks as in `processes`, a bounded number of them handed to Ray at a time."""

import importlib
import logging
import os
import pickle
import socket
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Pool:
    """How many tasks at a time, and what each takes."""

    num_workers: int
    """0: as many as fit, and a few that wait for room: by them a cluster that can grow sees that it should."""
    num_gpus: float = 0
    """Of each task, beside its core."""

    def num_tasks(self) -> int:
        """To hand over now; a cluster may have grown or shrunk since."""
        if self.num_workers:
            return self.num_workers
        fitting = self._num_fitting()
        return fitting + max(1, fitting // 4)

    def check(self, what: str, *, on_fixed_cluster: bool) -> None:
        """Ray waits without end for what is not there and cannot come."""
        if on_fixed_cluster and not self._num_fitting():
            raise CorpusError(
                f"{what}: each task takes {self.num_gpus:g} GPU, this machine has "
                f"{ray.cluster_resources().get('GPU', 0):g}. Name a cluster that has some, or ask for none."
            )

    def _num_fitting(self) -> int:
        there = ray.cluster_resources()
        cores = int(there.get("CPU", 0))
        return min(cores, int(there.get("GPU", 0) / self.num_gpus)) if self.num_gpus else cores


def run_on_ray(
    function: Callable[[T], R],
    tasks: Iterable[T],
    pool: Pool,
    *,
    address: str | None,
    failures: Failures,
    keep_going: bool,
) -> Generator[tuple[int, R], None, None]:
    """(position, result) as they come; what fails goes into `failures`.

    A cluster that this process is connected to already is used and left as it is.
    """
    with _connected(function, num_workers=pool.num_workers, address=address):
        pool.check(failures.what, on_fixed_cluster=address is None)
        crew = _Crew(function, tasks, failures, pool, keep_going=keep_going)
        try:
            yield from crew.run()
        except BaseException:  # also Ctrl-C and a closed generator
            crew.cancel()
            raise


class _Crew:
    """The tasks that Ray has, by the reference to their result."""

    def __init__(
        self, function: Callable[[Any], Any], tasks: Iterable[Any], failures: Failures, pool: Pool, *, keep_going: bool
    ) -> None:
        self._function = function
        self._tasks = enumerate(tasks)
        self._failures = failures
        self._keep_going = keep_going
        self._under_way: dict[Any, tuple[int, Any]] = {}
        self._pool = pool
        self._num_tasks, self._look_again = 0, 0.0
        self._attempt = ray.remote(num_cpus=1, num_gpus=pool.num_gpus, max_retries=MAX_ATTEMPTS - 1)(attempt)

    def run(self) -> Iterator[tuple[int, Any]]:
        self._fill()
        while self._under_way:
            done, _ = ray.wait(list(self._under_way), num_returns=1, timeout=_LOOK_SECONDS)
            if not done:
                self._fill()
            for reference in done:
                position, task = self._under_way.pop(reference)
                succeeded, value = self._outcome(reference, task)
                if not succeeded:
                    self._failures.add(position, task, value)
                self._fill()
                if succeeded:
                    yield position, value

    def _fill(self) -> None:
        """Hand over as many tasks as the cluster has room for; it is asked once in a while."""
        if time.monotonic() >= self._look_again:
            self._num_tasks = self._pool.num_tasks()
            self._look_again = time.monotonic() + _LOOK_SECONDS
        while len(self._under_way) < self._num_tasks and self._start_next():
            pass

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
