"""Our own USTAR writer: bytes depend on names and contents alone, offsets and digest fall out while writing."""

import hashlib
from typing import BinaryIO

BLOCK_BYTES = 512
_MAX_NAME_BYTES = 100
_MAX_SIZE_BYTES = 8 << 30  # eleven octal digits


def header(name: str, size: int) -> bytes:
    """One 512-byte USTAR header of a regular file: mode 0444, owner and time zero."""
    raw = name.encode("ascii")
    if not 0 < len(raw) <= _MAX_NAME_BYTES or not 0 <= size < _MAX_SIZE_BYTES:
        raise ValueError(f"{name!r} of {size} bytes does not fit a USTAR header")
    owner_and_time = (_octal(0, 7), _octal(0, 7), _octal(size, 11), _octal(0, 11))
    fields = b"".join((raw.ljust(_MAX_NAME_BYTES, b"\x00"), _octal(0o444, 7), *owner_and_time))
    block = b"".join((fields, b" " * 8, b"0", bytes(100), b"ustar\x00", b"00")).ljust(BLOCK_BYTES, b"\x00")
    return block[:148] + _octal(sum(block), 6) + b" " + block[156:]


def _octal(number: int, digits: int) -> bytes:
    return b"%0*o\x00" % (digits, number)


class TarWriter:
    """Appends members to a file; after `close`, `sha256` and `num_bytes` describe the whole archive."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.num_bytes = 0

    def add(self, name: str, data: bytes) -> int:
        """Write one member; returns the offset of its first data byte."""
        self._write(header(name, len(data)))
        offset = self.num_bytes
        self._write(data)
        self._write(b"\0" * (-len(data) % BLOCK_BYTES))
        return offset

    def close(self) -> None:
        """Write the two zero blocks that end an archive."""
        self._write(b"\0" * (2 * BLOCK_BYTES))

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)
        self.num_bytes += len(data)
