"""Parts of a file: `pread` on a disk; on an object store neighbours in one request and several requests in flight."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from errno import EINVAL
from typing import Any, TypeVar

from pipelines.storage.places import explained, filesystem_of, is_local, local_path

R = TypeVar("R")
Range = tuple[int, int]
"""(offset, size)."""
GAP_BYTES = 256 << 10
"""Bytes that nobody asked for and that cost less than a request."""
REQUEST_BYTES = 8 << 20
"""Neighbours are put together up to here; a larger range is one request all the same."""
WINDOW_BYTES, WINDOW_RANGES = 32 << 20, 256
"""What is fetched at a time; one window more is on its way while one is read."""
_IN_FLIGHT = 8
_FILES_IN_FLIGHT = 16
_CHUNK_BYTES = 4 << 20


def read_ranges(uri: str, ranges: Iterable[Range]) -> Iterator[bytes]:
    """The bytes of each range, in the order asked for; fewer where the file ends before."""
    return _read_local(uri, ranges) if is_local(uri) else _read_remote(uri, ranges)


def read_chunks(uri: str) -> Iterator[bytes]:
    """A whole file, some megabytes at a time."""
    if not is_local(uri):
        with explained(uri, "read"):
            filesystem, path = filesystem_of(uri)
            num_bytes = filesystem.size(path)
        starts = range(0, num_bytes, _CHUNK_BYTES)
        yield from read_ranges(uri, ((start, min(_CHUNK_BYTES, num_bytes - start)) for start in starts))
        return
    with explained(uri, "read"), local_path(uri).open("rb", buffering=0) as file:
        while chunk := file.read(1 << 20):
            yield chunk


def read_many(read: Callable[[str], R], uris: Iterable[str]) -> Iterator[R]:
    """`read` of each URI, in order; on an object store, where a request is mostly waiting, some of them ahead."""
    coming: deque[Future[R]] = deque()
    with ThreadPoolExecutor(_FILES_IN_FLIGHT) as threads:
        for uri in uris:
            if is_local(uri):
                yield read(uri)
                continue
            coming.append(threads.submit(read, uri))
            if len(coming) > _FILES_IN_FLIGHT:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()


def _read_local(uri: str, ranges: Iterable[Range]) -> Iterator[bytes]:
    with explained(uri, "read"):
        descriptor = os.open(local_path(uri), os.O_RDONLY)
        try:
            for offset, size in ranges:
                yield os.pread(descriptor, size, offset)
        finally:
            os.close(descriptor)


def _read_remote(uri: str, ranges: Iterable[Range]) -> Iterator[bytes]:
    filesystem, path = filesystem_of(uri)
    with ThreadPoolExecutor(1) as ahead:
        coming = None
        for window in _windows(ranges):
            ready, coming = coming, ahead.submit(_fetch, uri, filesystem, path, window)
            if ready:
                yield from ready.result()
        if coming:
            yield from coming.result()


def _windows(ranges: Iterable[Range]) -> Iterator[list[Range]]:
    window: list[Range] = []
    num_bytes = 0
    for one in ranges:
        if window and (num_bytes + one[1] > WINDOW_BYTES or len(window) == WINDOW_RANGES):
            yield window
            window, num_bytes = [], 0
        window.append(one)
        num_bytes += one[1]
    if window:
        yield window


def _fetch(uri: str, filesystem: Any, path: str, window: Sequence[Range]) -> list[bytes]:
    requests = merged(window)
    starts, ends = [start for start, _ in requests], [end for _, end in requests]
    with explained(uri, "read"):
        blocks = [
            _bytes_of(answer)
            for answer in filesystem.cat_ranges(
                [path] * len(requests), starts, ends, batch_size=_IN_FLIGHT, on_error="return"
            )
        ]
    return _cut(window, starts, blocks)


def merged(window: Sequence[Range]) -> list[Range]:
    """(start, end) of the requests that together hold every range of a window, in order of their start."""
    requests: list[Range] = []
    for offset, size in sorted(one for one in window if one[1]):
        start, end = requests[-1] if requests else (offset, offset)
        if requests and offset - end <= GAP_BYTES and offset + size - start <= REQUEST_BYTES:
            requests[-1] = start, max(end, offset + size)
        elif not requests or offset + size > end:
            requests.append((offset, offset + size))
    return requests


def _bytes_of(answer: bytes | Exception) -> bytes:
    if isinstance(answer, OSError) and answer.errno == EINVAL:
        return b""  # the range begins after the end: as short as a disk would give it
    if isinstance(answer, Exception):
        raise answer
    return answer


def _cut(window: Sequence[Range], starts: Sequence[int], blocks: Sequence[bytes]) -> list[bytes]:
    """The ranges out of the requests' answers."""
    order = sorted(range(len(window)), key=lambda number: window[number])
    cut = [b""] * len(window)
    request = 0
    for number in order:
        offset, size = window[number]
        while request + 1 < len(starts) and starts[request + 1] <= offset:
            request += 1
        if size:
            cut[number] = bytes(blocks[request][offset - starts[request] : offset - starts[request] + size])
    return cut
