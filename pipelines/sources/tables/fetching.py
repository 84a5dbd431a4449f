"""Media of rows in their order: bytes at once, stores by threads, URLs through the downloader, all looking ahead."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import chain

from pipelines.errors import SampleError
from pipelines.samples import Download, Record
from pipelines.sources.source import attempt
from pipelines.sources.tables.media import Folders, Medium

Fetched = tuple[Download, bytes | None]
Fetch = Callable[[Iterable[str]], Iterator[Fetched]]
"""One result for each URL in their order, looking ahead within bounds."""

_MAX_IDLE = 64  # rows (and MiB of them) without a URL that wait for those before them
_NUM_THREADS = 16


@dataclass(frozen=True, slots=True)
class Draft:
    """A row whose media are still to come."""

    record: Record
    media: tuple[Medium, ...]

    @property
    def urls(self) -> list[str]:
        return [medium.address for medium in self.media if medium.is_web]

    @property
    def num_bytes(self) -> int:
        return sum(len(medium.data or b"") for medium in self.media)


@dataclass(slots=True)
class _Feed:
    """Rows that were pulled to know their URLs, and what is being read for them from a store."""

    rows: Iterator[Draft | SampleError]
    folders: Folders
    pool: ThreadPoolExecutor
    pending: deque[tuple[Draft | SampleError, list["Future[bytes]"]]] = field(default_factory=deque)
    is_finished: bool = False

    def urls(self) -> Iterator[str]:
        """Ends after a while without any, so that rows without one need not wait for the rest of the table."""
        idle = 0
        for row in self.rows:
            media = row.media if isinstance(row, Draft) else ()
            reads = [self.pool.submit(self.folders.read, medium) for medium in media if medium.is_remote]
            self.pending.append((row, reads))
            urls = row.urls if isinstance(row, Draft) else []
            yield from urls
            idle = 0 if urls or isinstance(row, SampleError) else idle + 1 + (row.num_bytes >> 20)
            if idle >= _MAX_IDLE:
                return
        self.is_finished = True

    def next_needs(self) -> int:
        row, _ = self.pending[0]
        return len(row.urls) if isinstance(row, Draft) else 0


def with_media(
    rows: Iterable[Draft | SampleError], *, folders: Folders, fetch: Fetch
) -> Iterator[Record | SampleError]:
    """One outcome for each row, in their order."""
    pool = ThreadPoolExecutor(_NUM_THREADS)
    try:
        feed = _Feed(iter(rows), folders, pool)
        while not feed.is_finished:
            urls = feed.urls()
            first = next(urls, None)
            fetched = fetch(chain([first], urls)) if first is not None else ()
            results: deque[Fetched] = deque()
            for result in chain(fetched, [None]):
                results.extend([result] if result else [])
                while feed.pending and feed.next_needs() <= len(results):
                    row, reads = feed.pending.popleft()
                    mine = [results.popleft() for _ in row.urls] if isinstance(row, Draft) else []
                    yield _complete(row, mine, reads, folders)
    finally:
        pool.shutdown(cancel_futures=True)


def _complete(
    row: Draft | SampleError, results: Sequence[Fetched], reads: Sequence["Future[bytes]"], folders: Folders
) -> Record | SampleError:
    if isinstance(row, SampleError):
        return row
    downloads = tuple(download for download, _ in results)
    outcome = attempt(lambda _: _filled(row, iter(results), iter(reads), folders), row.record.reference)
    if isinstance(outcome, SampleError):
        outcome.downloads = downloads
        return outcome
    return replace(outcome, downloads=downloads)


def _filled(row: Draft, results: Iterator[Fetched], reads: Iterator["Future[bytes]"], folders: Folders) -> Record:
    record = row.record
    for medium in row.media:
        if medium.data is not None:
            data = medium.data
        elif medium.is_web:
            data = _downloaded(*next(results))
        else:
            data = next(reads).result() if medium.is_remote else folders.read(medium)
        change: dict[str, object] = {medium.kind: data, f"{medium.kind}_extension": medium.extension}
        record = replace(record, **change)  # type: ignore[arg-type]
    return record


def _downloaded(download: Download, data: bytes | None) -> bytes:
    if data is not None:
        return data
    from pipelines.sources.downloading import failure_of

    raise failure_of(download)
