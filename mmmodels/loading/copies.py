"""Copies of an object store's tars on a local disk, in pieces, at most so many bytes of them.

Any number of processes share a folder, and any of them may be killed at any time: a piece is written aside and renamed,
the one used longest ago is deleted first, and a reader whose piece was deleted under it still has the open file.
"""

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from pipelines import storage
from pipelines.errors import StorageError

PIECE_BYTES = 8 << 20
_STRIPES = 64
_TOUCH_AFTER_SECONDS = 60.0
_ABANDONED_AFTER_SECONDS = 3600.0
_LOOK_EVERY = 16
"""Pieces that a process writes at most between two looks at what all have written."""


@dataclass(kw_only=True)
class LocalCopies:
    """A folder of pieces; `namespace` names the state of the shards, so that a tar written anew is another tar."""

    folder: Path
    max_bytes: int
    namespace: str = ""
    piece_bytes: int = PIECE_BYTES
    _written: int = field(default=0, repr=False)

    def __post_init__(self) -> None:
        least = 4 * self.piece_bytes
        if self.max_bytes < least:
            raise StorageError(
                f"local copies of {self.max_bytes} bytes: too few, at least {least} are needed. Give more."
            )

    @property
    def _look_every(self) -> int:
        return min(_LOOK_EVERY, max(1, self.max_bytes // (8 * self.piece_bytes)))

    def read(self, uri: str, offset: int, size: int) -> bytes:
        """The bytes of a range; fewer where the tar ends before."""
        first, last = offset // self.piece_bytes, max(offset, offset + size - 1) // self.piece_bytes
        start = first * self.piece_bytes
        parts = []
        for number in range(first, last + 1):
            begin = max(offset, start)
            end = min(offset + size, start + self.piece_bytes)
            parts.append(self._read_piece(uri, number, begin - start, end - begin))
            start += self.piece_bytes
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def num_bytes(self) -> int:
        """Of all pieces that lie there now."""
        return sum(size for _, size, _ in self._pieces())

    def _read_piece(self, uri: str, number: int, offset: int, size: int) -> bytes:
        path = self._path(uri, number)
        for _ in range(2):
            data = _read_and_touch(path, offset, size)
            if data is not None:
                return data
            with self._only_one(path):
                if not path.exists():
                    return self._fetch(uri, number, path)[offset : offset + size]
        return self._fetch(uri, number, path)[offset : offset + size]  # deleted as soon as it was there

    def _fetch(self, uri: str, number: int, path: Path) -> bytes:
        (piece,) = storage.read_ranges(uri, [(number * self.piece_bytes, self.piece_bytes)])
        self._written += 1
        if self._written % self._look_every == 1 % self._look_every:
            self._make_room()
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}")
        try:
            aside.write_bytes(piece)
            aside.rename(path)
        except OSError as error:  # a full disk is no reason to stop: what was fetched is here
            with suppress(OSError):
                aside.unlink()
            if not self.folder.exists():
                raise StorageError(f"{self.folder}: local copies cannot be written ({error.strerror}).") from error
        return piece

    def _path(self, uri: str, number: int) -> Path:
        name = hashlib.sha256(f"{self.namespace}\0{uri}".encode()).hexdigest()[:32]
        return self.folder / name[:2] / f"{name}-{self.piece_bytes}-{number:06d}"

    @contextmanager
    def _only_one(self, path: Path) -> Iterator[None]:
        """One process at a time fetches a piece; the kernel frees the lock of one that was killed."""
        stripe = int(hashlib.sha256(path.name.encode()).hexdigest()[:8], 16) % _STRIPES
        with _locked(self.folder / "locks" / f"{stripe:02d}"):
            yield

    def _make_room(self) -> None:
        """Down to what leaves room for what this process writes until its next look."""
        with _locked(self.folder / "locks" / "room"):
            pieces = sorted(self._pieces())
            room = self._look_every * self.piece_bytes
            surplus = sum(size for _, size, _ in pieces) - (self.max_bytes - room)
            for _, size, path in pieces:
                if surplus <= 0:
                    break
                with suppress(FileNotFoundError):
                    path.unlink()
                surplus -= size

    def _pieces(self) -> Iterator[tuple[float, int, Path]]:
        """(last use, bytes, path); what a killed process left is deleted."""
        for path in self.folder.glob("??/*"):
            with suppress(FileNotFoundError):
                stat = path.stat()
                if path.name.startswith("."):
                    if time.time() - stat.st_mtime > _ABANDONED_AFTER_SECONDS:
                        path.unlink()
                else:
                    yield stat.st_mtime, stat.st_size, path


def _read_and_touch(path: Path, offset: int, size: int) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        data = os.pread(descriptor, size, offset)
        if time.time() - os.fstat(descriptor).st_mtime > _TOUCH_AFTER_SECONDS:
            os.utime(descriptor)
    finally:
        os.close(descriptor)
    return data


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
