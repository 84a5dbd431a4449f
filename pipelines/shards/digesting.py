"""sha256 of a record's media: here, or a few records ahead in a thread where a core is free for it."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

from pipelines.errors import SampleError
from pipelines.samples import MediaDigests, Record, digest_media

Outcome = Record | SampleError
_MAX_AHEAD_RECORDS = 16  # handing over one by one would cost as much as it saves
_MAX_AHEAD_BYTES = 8 << 20
_Chunk = list[Outcome]


def digested(outcomes: Iterator[Outcome], *, in_background: bool) -> Iterator[tuple[Outcome, MediaDigests | None]]:
    """Outcomes with the digests of their media, in order; a failure has none."""
    if not in_background:
        for outcome in outcomes:
            yield outcome, _digests(outcome)
        return
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(1))
        stack.callback(pool.shutdown, cancel_futures=True)
        waiting: tuple[_Chunk, Future[list[MediaDigests | None]]] | None = None
        for chunk in _chunks(outcomes):
            begun = chunk, pool.submit(_digest_all, chunk)
            if waiting:
                yield from zip(waiting[0], waiting[1].result(), strict=True)
            waiting = begun
        if waiting:
            yield from zip(waiting[0], waiting[1].result(), strict=True)


def _chunks(outcomes: Iterator[Outcome]) -> Iterator[_Chunk]:
    chunk: _Chunk = []
    num_bytes = 0
    for outcome in outcomes:
        chunk.append(outcome)
        if isinstance(outcome, Record):
            num_bytes += len(outcome.image or b"") + len(outcome.audio or b"")
        if len(chunk) == _MAX_AHEAD_RECORDS or num_bytes >= _MAX_AHEAD_BYTES:
            yield chunk
            chunk, num_bytes = [], 0
    if chunk:
        yield chunk


def _digest_all(chunk: _Chunk) -> list[MediaDigests | None]:
    return [_digests(outcome) for outcome in chunk]


def _digests(outcome: Outcome) -> MediaDigests | None:
    return digest_media(outcome) if isinstance(outcome, Record) else None
