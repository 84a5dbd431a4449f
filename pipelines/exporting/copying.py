"""Runs of bytes out of tars into a new file: moved as they lie, digested on the way, never looked into."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from pipelines import storage
from pipelines.shards.reading import read_members
from pipelines.shards.tar import BLOCK_BYTES, BackgroundDigest, Digest

_PIECE_BYTES = 1 << 20
"""Read, digested and written at a time: what fits a core's cache."""
_END = bytes(2 * BLOCK_BYTES)


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """Neighbouring samples of one tar, and where they go."""

    uri: str
    offset: int
    size: int
    target: int
    """Offset in the new file."""


def copy_in_order(runs: Sequence[Run], path: Path, *, has_spare_core: bool) -> str:
    """Write the runs, which follow each other in the new file, and the end of a tar; its sha256.

    `ShardError` where a tar ends before a run does. With a spare core the digest is made there.
    """
    digest: Digest = BackgroundDigest() if has_spare_core else hashlib.sha256()
    try:
        with path.open("wb", buffering=0) as file:
            for block in _joined(piece for _, piece in _pieces(runs)):
                digest.update(block)
                file.write(block)
    finally:
        found = digest.hexdigest()  # also ends its thread
    return found


def copy_scattered(runs: Iterable[Run], path: Path) -> str:
    """The same for runs that lie anywhere: each tar is read from front to back, the new file is digested afterwards."""
    with path.open("wb", buffering=0) as file:
        end = 0
        for target, piece in _pieces(sorted(runs, key=attrgetter("uri", "offset"))):
            os.pwrite(file.fileno(), piece, target)
            end = max(end, target + len(piece))
        os.pwrite(file.fileno(), _END, end)
    return storage.file_sha256(str(path))


def _pieces(runs: Iterable[Run]) -> Iterator[tuple[int, bytes]]:
    """(offset in the new file, bytes) of at most `_PIECE_BYTES`; a tar is opened once for all that is read in a row."""
    for uri, neighbours in groupby(runs, key=attrgetter("uri")):
        pieces = [
            (run.target + done, (run.offset + done, min(_PIECE_BYTES, run.size - done)))
            for run in neighbours
            for done in range(0, run.size, _PIECE_BYTES)
        ]
        data = read_members(uri, [place for _, place in pieces])
        yield from zip((target for target, _ in pieces), data, strict=True)


def _joined(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes and the end of a tar, in blocks that are worth a call."""
    waiting: list[bytes] = []
    num_waiting = 0
    for piece in pieces:
        if waiting and num_waiting + len(piece) > _PIECE_BYTES:
            yield b"".join(waiting)
            waiting, num_waiting = [], 0
        waiting.append(piece)
        num_waiting += len(piece)
    yield b"".join([*waiting, _END])
