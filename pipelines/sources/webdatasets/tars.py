"""A tar as bytes by offset, here or on an object store."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from pipelines.errors import SourceError
from pipelines.sources.files import DataFile, open_binary
from pipelines.sources.webdatasets.headers import BLOCK, is_header
from pipelines.storage import is_local

_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"PK")


_AHEAD_BYTES = 8192  # the headers of small members lie close together


@dataclass(slots=True)
class Tar:
    """A tar by offset: `pread` on a disk; on a store a file that reads ahead."""

    size: int
    file: BinaryIO
    is_here: bool
    start: int = 0
    ahead: bytes = b""

    def read(self, offset: int, size: int) -> bytes:
        """Fewer bytes at the end."""
        position = offset - self.start
        if position < 0 or position + size > len(self.ahead):
            self.start, self.ahead = offset, self._fetch(offset, max(size, _AHEAD_BYTES))
            position = 0
        return self.ahead[position : position + size]

    def _fetch(self, offset: int, size: int) -> bytes:
        if self.is_here:
            return os.pread(self.file.fileno(), size, offset)
        self.file.seek(offset)
        return self.file.read(size)


@contextmanager
def opened_tar(file: DataFile) -> Iterator[Tar]:
    """`SourceError` where it cannot be read any more."""
    try:
        with closing(open_binary(file.uri)) as stream:
            yield Tar(file.num_bytes, stream, is_local(file.uri))
    except OSError as error:
        raise SourceError(f"{file.uri}: cannot be read ({error}). Give access, or leave it out.") from error


def check_tar(file: DataFile) -> None:
    """The first tar must be one; what is damaged later on is rows with reasons."""
    with opened_tar(file) as tar:
        start = tar.read(0, BLOCK)
    if start.startswith(_COMPRESSED):
        raise SourceError(f"{file.uri}: is compressed, so no sample can be read by itself. Unpack it to a plain .tar.")
    if not is_header(start) and any(start):
        raise SourceError(f"{file.uri}: no tar, there is no header at offset 0. Fetch it again, or leave it out.")
