"""Map a function over shards: in this process, in worker processes of this machine, or on a Ray cluster."""

import os
from collections.abc import Callable, Generator, Iterable, Sized
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from typing import Literal, TypeVar

from pipelines.errors import CorpusError
from pipelines.parallel.failures import Failures
from pipelines.parallel.processes import run_in_processes
from pipelines.progress import track

__all__ = ["Place", "RayCluster", "map_as_done", "map_shards", "num_cores"]

T = TypeVar("T")
R = TypeVar("R")
Place = Literal["processes", "ray"]
"""Where workers are: processes of this machine, or a Ray cluster."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RayCluster:
    """A Ray cluster, and what a task takes of it beside a core."""

    address: str | None = None
    """None: one that is started here."""
    num_gpus: float = 0
    """Of each task; `num_workers` 0 is then as many as fit on the cluster's GPUs."""

    def __post_init__(self) -> None:
        if self.num_gpus < 0:
            raise CorpusError(f"num_gpus = {self.num_gpus}: expected 0 or more for each task.")


def map_shards(
    function: Callable[[T], R],
    tasks: Iterable[T],
    *,
    num_workers: int,
    what: str,
    total: int | None = None,
    on: Place | RayCluster = "processes",
    ray_address: str | None = None,
    keep_going: bool = False,
) -> list[R]:
    """All results, in the order of the tasks; the rest is as in `map_as_done`."""
    results: dict[int, R] = {}
    finished = map_as_done(
        function,
        tasks,
        num_workers=num_workers,
        what=what,
        total=total,
        on=on,
        ray_address=ray_address,
        keep_going=keep_going,
    )
    with closing(finished):
        results.update(finished)
    return [results[position] for position in sorted(results)]


def map_as_done(
    function: Callable[[T], R],
    tasks: Iterable[T],
    *,
    num_workers: int,
    what: str,
    total: int | None = None,
    on: Place | RayCluster = "processes",
    ray_address: str | None = None,
    keep_going: bool = False,
) -> Generator[tuple[int, R], None, None]:
    """(position of the task, result), as they finish; memory does not grow with the number of tasks.

    A task is taken from `tasks` when a worker is free for it; a reader that is slow holds the workers up. The task of a
    worker that dies is tried again in a fresh one, twice at most. After a failure no new task starts (`keep_going`: all
    are tried), those under way finish, and one error names what failed: a `CorpusError` of the type that the failures
    share; what nobody foresaw comes as it was raised. An interrupt, or closing the iterator, ends the workers.

    `num_workers` 0 is one for each core that this process may use, or for each of the cluster's. `total` is asked for
    where `tasks` has no length. On Ray, `ray_address` is a running cluster; without it one is started here and
    stopped at the end; `on` may say more, as a `RayCluster`. With `num_workers` 0 a cluster that grows meanwhile is
    used as it grows. Functions and tasks must pickle.
    """
    if num_workers < 0:
        raise CorpusError(f"{what}: num_workers = {num_workers}, expected 1 or more, or 0 for one per core.")
    total = len(tasks) if total is None and isinstance(tasks, Sized) else total
    failures = Failures(what, total=total)
    cluster = RayCluster(address=ray_address) if on == "ray" else on
    if isinstance(cluster, RayCluster):
        from pipelines.parallel.cluster import Pool, run_on_ray

        finished = run_on_ray(
            function,
            tasks,
            Pool(num_workers=num_workers, num_gpus=cluster.num_gpus),
            address=cluster.address,
            failures=failures,
            keep_going=keep_going,
        )
    elif on == "processes":
        finished = _run_here(function, tasks, num_workers or num_cores(), failures, keep_going=keep_going)
    else:
        raise CorpusError(f'{what}: on = {on!r}, expected "processes" or "ray".')
    with closing(finished):
        yield from track(finished, total=total, what=what)
    failures.raise_any()


def num_cores() -> int:
    """Cores that this process may use: what the scheduler grants it, not what the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run_here(
    function: Callable[[T], R], tasks: Iterable[T], num_workers: int, failures: Failures, *, keep_going: bool
) -> Generator[tuple[int, R], None, None]:
    """Without a process where one worker or one task is all there is: no start-up cost, and a debugger works."""
    first = list(islice(iterator := iter(tasks), 2)) if num_workers > 1 else []
    if len(first) < 2:
        yield from _run_inline(function, chain(first, iterator if num_workers > 1 else tasks), failures, keep_going)
    else:
        yield from run_in_processes(
            function, chain(first, iterator), num_workers=num_workers, failures=failures, keep_going=keep_going
        )


def _run_inline(
    function: Callable[[T], R], tasks: Iterable[T], failures: Failures, keep_going: bool
) -> Generator[tuple[int, R], None, None]:
    for position, task in enumerate(tasks):
        try:
            result = function(task)
        except Exception as error:  # noqa: BLE001 - raised at the end, by `failures`
            failures.add(position, task, error)
            if not keep_going:
                return
        else:
            yield position, result
