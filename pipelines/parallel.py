"""Map a function over shards: in this process, or in worker processes of this machine.

Workers are plain `python -c` children with a socket to here, not `multiprocessing` ones: nothing of the caller's
`__main__` is imported again (a Dagster or notebook main costs seconds), and a dead worker is known by its task.
"""

import os
import pickle
import subprocess
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from multiprocessing.connection import Connection, Pipe, wait
from typing import Generic, TypeVar

from pipelines.errors import CorpusError
from pipelines.progress import track

T = TypeVar("T")
R = TypeVar("R")
_MAX_ATTEMPTS = 2
_WATCH_SECONDS = 0.5
_STOP_SECONDS = 5.0


def map_shards(function: Callable[[T], R], tasks: Sequence[T], *, num_workers: int, what: str) -> list[R]:
    """Results in task order. A task whose worker died is tried once more; what a task raises is raised here.

    After a failure no new task starts and those under way may finish, so that their shards are kept.
    """
    if min(num_workers, len(tasks)) <= 1:
        return list(track(map(function, tasks), total=len(tasks), what=what))
    crew = _Crew(function, tasks, what=what)
    with closing(crew.run(min(num_workers, len(tasks)))) as finished:  # an interrupt elsewhere ends the workers too
        results: dict[int, R] = dict(track(finished, total=len(tasks), what=what))
    return [results[position] for position in range(len(tasks))]


class _Worker:
    """One child process; `position` is the task it holds."""

    def __init__(self) -> None:
        self.connection, theirs = Pipe()
        descriptor = theirs.fileno()
        serving = f"from pipelines.parallel import serve; serve({descriptor}, {os.getpid()})"
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and code
            [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}; {serving}"],
            pass_fds=(descriptor,),
            stdin=subprocess.DEVNULL,
        )
        theirs.close()
        self.position = -1

    def give(self, position: int, work: bytes) -> None:
        self.position = position
        self.connection.send_bytes(work)

    def stop(self, *, kill: bool) -> int:
        """End the process; returns its exit code."""
        self.connection.close()  # an idle worker ends at the end of its input
        if kill:
            self._process.kill()
        try:
            return self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


class _Crew(Generic[T, R]):
    """Hands tasks to workers and gathers what comes back."""

    def __init__(self, function: Callable[[T], R], tasks: Sequence[T], *, what: str) -> None:
        self._function = function
        self._tasks = tasks
        self._what = what
        self._waiting = deque(range(len(tasks)))
        self._attempts = [0] * len(tasks)
        self._failures: dict[int, BaseException] = {}
        self._workers: list[_Worker] = []

    def run(self, num_workers: int) -> Generator[tuple[int, R], None, None]:
        """(position, result) as they come."""
        try:
            for _ in range(num_workers):
                self._start()
            while busy := {worker.connection: worker for worker in self._workers if worker.position >= 0}:
                ready = wait(list(busy))
                for connection, worker in busy.items():
                    if connection in ready:
                        yield from self._receive(worker)
        except BaseException:  # also Ctrl-C and a closed generator: leave no process behind
            self._stop(kill=True)
            raise
        self._stop(kill=False)
        if self._failures:
            raise self._failures[min(self._failures)]

    def _start(self) -> None:
        worker = _Worker()
        self._workers.append(worker)
        self._next(worker)

    def _next(self, worker: _Worker) -> None:
        worker.position = -1
        if self._waiting and not self._failures:
            position = self._waiting.popleft()
            self._attempts[position] += 1
            try:
                worker.give(position, pickle.dumps((self._function, self._tasks[position])))
            except (BrokenPipeError, ConnectionResetError):  # died while idle; the end of its output says so
                worker.position = position

    def _receive(self, worker: _Worker) -> Iterator[tuple[int, R]]:
        position = worker.position
        try:
            succeeded, value = pickle.loads(worker.connection.recv_bytes())  # noqa: S301 - from our own child
        except (EOFError, ConnectionResetError):
            self._bury(worker)
            return
        if succeeded:
            yield position, value
        else:
            self._failures[position] = value
        self._next(worker)

    def _bury(self, worker: _Worker) -> None:
        """A worker died: its task is tried once more in a fresh one."""
        self._workers.remove(worker)
        code = worker.stop(kill=False)
        if self._attempts[worker.position] >= _MAX_ATTEMPTS:
            how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
            self._failures[worker.position] = CorpusError(
                f"{self._what}: the worker died twice ({how}) on {str(self._tasks[worker.position])[:200]}. "
                "Signal 9 is mostly memory running out: use fewer workers or smaller shards."
            )
        else:
            self._waiting.appendleft(worker.position)
        if self._waiting and not self._failures:
            self._start()

    def _stop(self, *, kill: bool) -> None:
        for worker in self._workers:
            worker.stop(kill=kill)
        self._workers.clear()


def serve(descriptor: int, parent: int) -> None:
    """The worker's loop: a task in, a result out, until the parent closes or dies."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends its workers
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()
    connection = Connection(descriptor)
    while True:
        try:
            work = connection.recv_bytes()
        except EOFError:
            return
        connection.send_bytes(_attempt(work))


def _attempt(work: bytes) -> bytes:
    try:
        function, task = pickle.loads(work)  # noqa: S301 - from our own parent
        return pickle.dumps((True, function(task)))
    except Exception as error:  # noqa: BLE001 - handed to the parent, which raises it
        error.add_note(f"in a worker process:\n{traceback.format_exc()}")
        return _pickled_failure(error)


def _pickled_failure(error: Exception) -> bytes:
    try:
        data = pickle.dumps((False, error))
        pickle.loads(data)  # noqa: S301 - an exception with its own __init__ may pickle and yet not come back
    except Exception:  # noqa: BLE001
        return pickle.dumps((False, RuntimeError(f"{type(error).__name__}: {error}")))
    return data


def _die_with(parent: int) -> None:
    """End this process when the parent is gone, also when it was killed and could not say so."""
    while os.getppid() == parent:
        time.sleep(_WATCH_SECONDS)
    os._exit(1)
