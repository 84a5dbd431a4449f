"""Lines of text with their byte offsets, plain or gzipped, and the way back to them."""

import gzip
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import BinaryIO, cast

from pipelines.errors import SourceError
from pipelines.sources.files import DataFile, open_binary
from pipelines.sources.tables.rows import MAX_ROW_BYTES, Place

BOM = b"\xef\xbb\xbf"
_WIDE_BOMS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Line:
    """One row as bytes."""

    offset: int
    data: bytes
    number: int
    """Of its first line in the file, from 1."""


@dataclass(slots=True)
class Lines:
    """Lines of a file with their offsets, and a way to hand some back."""

    file: BinaryIO
    offset: int = 0
    number: int = 0
    ahead: deque[bytes] = field(default_factory=deque)

    def next(self) -> bytes:
        """Empty at the end; a line longer than a row may be is cut at that length."""
        line = self.ahead.popleft() if self.ahead else self.file.readline(MAX_ROW_BYTES)
        self.offset += len(line)
        self.number += bool(line)
        return line

    def hand_back(self, lines: Sequence[bytes]) -> None:
        self.ahead.extendleft(reversed(lines))
        self.offset -= sum(map(len, lines))
        self.number -= len(lines)

    def rest_of_long_line(self, line: bytes) -> None:
        while len(line) >= MAX_ROW_BYTES and not line.endswith(b"\n"):
            line = self.next()
            self.number -= 1


def version_of(data: bytes) -> str:
    """Of a row by its own bytes, so that rows that are appended change no other."""
    return blake2b(data, digest_size=8).hexdigest()


@contextmanager
def opened(file: DataFile) -> Iterator[BinaryIO]:
    """The file as plain bytes from its start; `SourceError` where it cannot be read as text at all."""
    with ExitStack() as stack:
        try:
            stream = stack.enter_context(open_binary(file.uri))
            if file.uri.endswith(".gz"):
                stream = cast("BinaryIO", stack.enter_context(gzip.open(stream)))
            start = stream.read(3)
            stream.seek(0)
        except OSError as error:
            raise SourceError(f"{file.uri}: cannot be read ({error}). Give access, or leave it out.") from error
        if start.startswith(_WIDE_BOMS):
            raise SourceError(f"{file.uri}: is UTF-16. Convert it: iconv -f UTF-16 -t UTF-8.")
        try:
            yield stream
        except (EOFError, gzip.BadGzipFile) as error:
            raise SourceError(f"{file.uri}: damaged gzip ({error}). Fetch it again.") from error


def stored(places: Iterable[tuple[DataFile, Place]]) -> Iterator[tuple[DataFile, str, bytes]]:
    """(file, where, bytes) of rows; the file of the row before stays open."""
    uri, stack, stream = "", ExitStack(), None
    with stack:
        for file, (offset, num_bytes, number) in places:
            if stream is None or file.uri != uri:
                stack.close()
                uri, stream = file.uri, stack.enter_context(opened(file))
            stream.seek(offset)
            yield file, f"{file.name} line {number}", stream.read(min(num_bytes, MAX_ROW_BYTES))
