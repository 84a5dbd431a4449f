"""Worker processes of this machine, each with a task at a time.

Workers are plain `python -c` children with a socket to here, not `multiprocessing` ones: nothing of the caller's
`__main__` is imported again (a Dagster or notebook main costs seconds), and a dead worker is known by its task.
"""

import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Pipe, wait
from typing import Any, Generic, TypeVar

from pipelines.parallel.failures import Failures, died

T = TypeVar("T")
R = TypeVar("R")
MAX_ATTEMPTS = 3
"""The first and two more, of a task whose workers die."""
_STOP_SECONDS = 5.0
_LOOK_SECONDS = 2.0
_GONE = (EOFError, BrokenPipeError, ConnectionResetError)


def run_in_processes(
    function: Callable[[T], R], tasks: Iterable[T], *, num_workers: int, failures: Failures, keep_going: bool
) -> Generator[tuple[int, R], None, None]:
    """(position, result) as they come; what fails goes into `failures`."""
    crew = _Crew(function, tasks, failures, keep_going=keep_going)
    try:
        yield from crew.run(num_workers)
    except BaseException:  # also Ctrl-C and a closed generator: leave no process behind
        crew.stop(kill=True)
        raise
    crew.stop(kill=False)


@dataclass(kw_only=True, slots=True)
class _Job:
    """A task under way."""

    position: int
    task: Any
    attempts: int = 0


class _Worker:
    """One child process and the job it holds."""

    def __init__(self) -> None:
        self.connection, theirs = Pipe()
        descriptor = theirs.fileno()
        serving = f"from pipelines.parallel.serving import serve; serve({descriptor}, {os.getpid()})"
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and code
            [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}; {serving}"],
            pass_fds=(descriptor,),
            stdin=subprocess.DEVNULL,
        )
        theirs.close()
        self.job: _Job | None = None

    def give(self, job: _Job, work: bytes) -> None:
        self.job = job
        job.attempts += 1
        try:
            self.connection.send_bytes(work)
        except (BrokenPipeError, ConnectionResetError):
            return  # died while idle; the end of its output says so

    def is_silent_and_dead(self) -> bool:
        """Its end is open in a process that it started, so the socket does not tell."""
        return self._process.poll() is not None and not self.connection.poll()

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

    def __init__(self, function: Callable[[T], R], tasks: Iterable[T], failures: Failures, *, keep_going: bool) -> None:
        self._function = function
        self._tasks = enumerate(tasks)
        self._failures = failures
        self._keep_going = keep_going
        self._again: deque[_Job] = deque()
        self._workers: list[_Worker] = []

    def run(self, num_workers: int) -> Iterator[tuple[int, R]]:
        while len(self._workers) < num_workers and (job := self._next_job()):
            self._start(job)
        while busy := {worker.connection: worker for worker in self._workers if worker.job}:
            ready = wait(list(busy), timeout=_LOOK_SECONDS)
            for connection, worker in busy.items():
                if connection in ready:
                    yield from self._receive(worker)
                elif not ready and worker.is_silent_and_dead():
                    self._bury(worker)

    def stop(self, *, kill: bool) -> None:
        for worker in self._workers:
            worker.stop(kill=kill)
        self._workers.clear()

    def _next_job(self) -> _Job | None:
        if self._failures.count and not self._keep_going:
            return None
        if self._again:
            return self._again.popleft()
        try:
            position, task = next(self._tasks, (-1, None))
        except Exception as error:  # noqa: BLE001 - the listing ended badly: what is under way is kept, then it is raised
            self._failures.add(sys.maxsize, f"the tasks of {self._failures.what}", error)
            self._tasks = enumerate(())
            return None
        return None if position < 0 else _Job(position=position, task=task)

    def _start(self, job: _Job) -> None:
        worker = _Worker()
        self._workers.append(worker)
        self._give(worker, job)

    def _give(self, worker: _Worker, job: _Job | None) -> None:
        worker.job = None
        if job:
            worker.give(job, pickle.dumps((self._function, job.task)))

    def _receive(self, worker: _Worker) -> Iterator[tuple[int, R]]:
        job = worker.job
        assert job
        try:
            succeeded, value = pickle.loads(worker.connection.recv_bytes())  # noqa: S301 - from our own child
        except _GONE:
            self._bury(worker)
            return
        if not succeeded:
            self._failures.add(job.position, job.task, value)
        self._give(worker, self._next_job())  # before the result is looked at, so that nobody waits for the reader
        if succeeded:
            yield job.position, value

    def _bury(self, worker: _Worker) -> None:
        """A worker died: its task is tried again in a fresh one."""
        self._workers.remove(worker)
        code = worker.stop(kill=False)
        job = worker.job
        assert job
        if job.attempts < MAX_ATTEMPTS:
            self._again.append(job)
        else:
            how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
            self._failures.add(
                job.position, job.task, died(self._failures.what, job.task, how=how, attempts=job.attempts)
            )
        if fresh := self._next_job():
            self._start(fresh)
