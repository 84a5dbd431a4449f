"""A record that kills the process that reads it: after two deaths of one run on it, it is a row with a reason."""

import os
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.samples import digest_of

_NOTE = struct.Struct("<qq")  # position of the record at hand, deaths on it so far
_MAX_DEATHS = 2


class Watch:
    """Notes on disk which record is at hand, for the worker that comes after this one."""

    def __init__(self, descriptor: int, found: bytes) -> None:
        self._descriptor = descriptor
        self._last, deaths = _NOTE.unpack(found) if len(found) == _NOTE.size else (-1, -1)
        self._deaths = deaths + 1

    @property
    def barred(self) -> int | None:
        """Position of the record that killed too often."""
        return self._last if self._deaths >= _MAX_DEATHS else None

    def note(self, position: int) -> None:
        """This one is at hand; one small write."""
        deaths = self._deaths if position == self._last else 0
        os.pwrite(self._descriptor, _NOTE.pack(position, deaths), 0)


@contextmanager
def watched(run: str, task: str) -> Iterator[Watch]:
    """`run` names one call of `pack`: that a whole run was killed says nothing about the record it was at."""
    path = Path(tempfile.gettempdir()) / f"trivium-at-{digest_of([run, task])[:32]}"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        yield Watch(descriptor, os.pread(descriptor, _NOTE.size, 0))
    finally:  # an exception is no death
        path.unlink(missing_ok=True)
        os.close(descriptor)
