"""One row of the bench: a rate of ours, a rate of a peer that did the same work in turn, and their ratio."""

import gc
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

Work = Callable[[], int]
"""Does the work once and says how much of it there was."""
Clock = Callable[[], float]
_THREADS = Path("/proc/self/task")


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """How long the bench may take; the same settings make the same input."""

    folder: Path
    """Everything is written here; the caller removes it."""
    num_pairs: int = 5
    quick: bool = False

    def size(self, full: int, quick: int) -> int:
        """How much work one run is."""
        return quick if self.quick else full


@dataclass(frozen=True, kw_only=True, slots=True)
class Runs:
    """Rates of the runs in their order, more is better; `peer` is empty where nobody else does this."""

    ours: tuple[float, ...]
    peer: tuple[float, ...] = ()
    cpu_share: float = 1.0
    """Processor seconds over wall seconds of all runs. Less than 1 on one core: others had it, or a disk was slow."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What was measured, where, and how it went."""

    what: str
    unit: str
    on: str
    """The device and how much of it, e.g. `1 core`."""
    runs: Runs
    peer_name: str = ""
    note: str = ""
    """In what the two differ beside speed."""

    @property
    def ours(self) -> float:
        return median(self.runs.ours)

    @property
    def peer(self) -> float | None:
        return median(self.runs.peer) if self.runs.peer else None

    @property
    def ratio(self) -> float | None:
        """Of the medians: above 1 where ours is faster."""
        return self.ours / self.peer if self.peer else None

    @property
    def ratio_range(self) -> tuple[float, float] | None:
        """Lowest and highest ratio of a pair: how far the machine let the figure wander."""
        if not self.runs.peer:
            return None
        ratios = [ours / peer for ours, peer in zip(self.runs.ours, self.runs.peer, strict=True)]
        return min(ratios), max(ratios)

    def as_json(self) -> dict[str, object]:
        """With every run, so that a reader can judge the spread."""
        names = ("what", "unit", "on", "ours", "peer", "ratio", "ratio_range", "peer_name", "note")
        runs = {"ours_runs": self.runs.ours, "peer_runs": self.runs.peer, "cpu_share": self.runs.cpu_share}
        return {name: getattr(self, name) for name in names} | runs


def alternate(
    ours: Work,
    peer: Work | None = None,
    *,
    num_pairs: int,
    clock: Clock = time.perf_counter,
    cpu_clock: Clock = time.process_time,
) -> Runs:
    """Alternating runs, ours first, after one of each that is not counted.

    Alternating, because a shared machine is faster in one minute than in the next.
    """
    works = [ours] if peer is None else [ours, peer]
    amounts = {work() for work in works}
    rates: list[list[float]] = [[] for _ in works]
    cpu_seconds = wall_seconds = 0.0
    for _ in range(num_pairs):
        for work, runs in zip(works, rates, strict=True):
            gc.collect()
            cpu_start, start = cpu_clock(), clock()
            amount = work()
            seconds = clock() - start
            cpu_seconds += cpu_clock() - cpu_start
            wall_seconds += seconds
            runs.append(amount / seconds)
            amounts.add(amount)
    if len(amounts) != 1:
        raise ValueError(f"the runs did different amounts of work, {sorted(amounts)}: their rates cannot be compared")
    cpu_share = cpu_seconds / wall_seconds
    return Runs(ours=tuple(rates[0]), peer=tuple(rates[1]) if peer else (), cpu_share=cpu_share)


@contextmanager
def one_core() -> Iterator[str]:
    """Keep every thread of this process on one core where the system can; gives what a row may say of it."""
    if not _THREADS.exists():  # not Linux
        yield "1 process, not pinned"
        return
    before = os.sched_getaffinity(0)
    _pin({max(before)})
    try:
        yield "1 core"
    finally:
        _pin(before)


def _pin(cores: set[int]) -> None:
    """Also the threads of pools that are there already; threads to come inherit it."""
    for thread in _THREADS.iterdir():
        with suppress(ProcessLookupError):  # it ended meanwhile
            os.sched_setaffinity(int(thread.name), cores)
