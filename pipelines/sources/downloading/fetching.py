"""Results in the order of the URLs, while later ones are fetched already: one thread with one event loop.

The thread is there so that transfers go on, and do not time out, while the caller decodes or writes.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from pipelines.errors import StorageError
from pipelines.samples import Download
from pipelines.sources.downloading.locks import MachineLocks
from pipelines.sources.downloading.policy import DownloadPolicy
from pipelines.sources.downloading.visiting import Visitor, Wanted

Result = tuple[Download, bytes | None]


def fetch_all(
    urls: Iterable[str], policy: DownloadPolicy, *, state_folder: Path | None
) -> Iterator[tuple[Download, bytes | None]]:
    """What became of every URL, in their order; the body where it was fetched.

    Look-ahead is bounded in URLs and in bytes. Processes that name one state folder share the limits of hosts and what
    robots.txt says; without one each process counts for itself.
    """
    return fetch_wanted((Wanted(url=url) for url in urls), policy, state_folder=state_folder)


def fetch_wanted(
    wanted: Iterable[Wanted], policy: DownloadPolicy, *, state_folder: Path | None
) -> Iterator[tuple[Download, bytes | None]]:
    """The same for conditional requests and for headers alone."""
    engine = _Engine(policy, state_folder)
    source = iter(wanted)
    refill = max(1, policy.look_ahead // 8)  # many at a time: each waking of the loop costs both threads
    try:
        engine.start()
        num_begun = num_taken = 0
        while True:
            room = policy.look_ahead - (num_begun - num_taken)
            if room >= refill:
                new = list(enumerate(islice(source, room), start=num_begun))
                engine.begin(new)
                num_begun += len(new)
            if num_taken == num_begun:
                return
            yield engine.take(num_taken)
            num_taken += 1
    finally:
        engine.stop()


class _Engine:
    """The thread. Its two ends share no lock: each deque and dict operation is whole under the interpreter's own."""

    def __init__(self, policy: DownloadPolicy, folder: Path | None) -> None:
        self._policy = policy
        self._folder = folder
        self._locks = _open_locks(folder)
        self._inbox: deque[tuple[int, Wanted]] = deque()
        self._results: dict[int, Result | Exception] = {}
        self._next = 0
        self._is_there = threading.Event()
        self._is_ready = threading.Event()
        self._is_called = False
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="downloading", daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._is_ready.wait()
        if self._failure is not None:
            raise self._failure

    def begin(self, wanted: Sequence[tuple[int, Wanted]]) -> None:
        """With the positions of their results."""
        self._inbox.extend(wanted)
        if wanted and not self._is_called:
            self._is_called = True
            self._loop.call_soon_threadsafe(self._accept)

    def take(self, position: int) -> Result:
        """Waits for it."""
        self._next = position
        self._is_there.clear()
        while position not in self._results:
            if not self._is_there.wait(timeout=1.0) and not self._thread.is_alive():
                raise self._failure or StorageError(f"URL {position}: the downloading thread ended. Run it again.")
        result = self._results.pop(position)
        self._next = position + 1
        if isinstance(result, OSError):
            raise StorageError(
                f"{self._folder}: the downloader cannot keep its state ({result}). Free space, or name another folder."
            ) from result
        if isinstance(result, Exception):
            raise result
        if self._visitor.budget.take(result[0].num_bytes):
            self._loop.call_soon_threadsafe(self._visitor.budget.resume)
        return result

    def stop(self) -> None:
        """Every request is given up, every connection closed; safe to call at any moment."""
        if self._thread.is_alive():
            self._is_ready.wait()
            self._loop.call_soon_threadsafe(self._is_over.set)
            self._thread.join()
        self._locks.close()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                runner.run(self._serve())
        except Exception as error:  # noqa: BLE001 - raised where the thread was started
            self._failure = error
            self._is_ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._is_over = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        visitor = Visitor(self._policy, self._locks, self._folder, is_short=lambda: self._next not in self._results)
        async with visitor as self._visitor:
            self._is_ready.set()
            await self._is_over.wait()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self) -> None:
        self._is_called = False
        while self._inbox:
            task = self._loop.create_task(self._visit(*self._inbox.popleft()))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _visit(self, position: int, wanted: Wanted) -> None:
        try:
            self._results[position] = await self._visitor.visit(position, wanted)
        except Exception as error:  # noqa: BLE001 - raised where the result is taken
            self._results[position] = error
        if self._next == position:
            self._is_there.set()


def _open_locks(folder: Path | None) -> MachineLocks:
    try:
        return MachineLocks(folder)
    except OSError as error:
        raise StorageError(
            f"{folder}: the downloader cannot keep its state there ({error.strerror}). Name a folder on a local disk."
        ) from error
