"""Our own USTAR writer: bytes depend on names and contents alone, offsets and digest fall out while writing."""

import hashlib
import queue
import threading
from typing import BinaryIO, Protocol

BLOCK_BYTES = 512
_MAX_NAME_BYTES = 100
_MAX_SIZE_BYTES = 8 << 30  # eleven octal digits
_CHUNK_BYTES = 1 << 20

_MODE_AND_OWNER = b"0000444\x000000000\x000000000\x00"
_TIME = b"00000000000\x00"
_AFTER_CHECKSUM = b"\x00 0" + bytes(100) + b"ustar\x0000"
_FILLING = bytes(BLOCK_BYTES - _MAX_NAME_BYTES - len(_MODE_AND_OWNER) - 12 - 12 - 6 - len(_AFTER_CHECKSUM))
# The checksum field counts as eight spaces; it begins with six digits, NUL and space follow.
_CONSTANT_SUM = sum(_MODE_AND_OWNER) + sum(_TIME) + sum(_AFTER_CHECKSUM) - ord(" ") + 8 * ord(" ")
_ZEROS = bytes(BLOCK_BYTES)


def header(name: str, size: int) -> bytes:
    """One 512-byte USTAR header of a regular file: mode 0444, owner and time zero."""
    raw = name.encode("ascii")
    if not 0 < len(raw) <= _MAX_NAME_BYTES or not 0 <= size < _MAX_SIZE_BYTES:
        raise ValueError(f"{name!r} of {size} bytes does not fit a USTAR header")
    octal = b"%011o\x00" % size
    checksum = b"%06o" % (_CONSTANT_SUM + sum(raw) + sum(octal))
    padded = raw.ljust(_MAX_NAME_BYTES, b"\x00")
    return b"".join((padded, _MODE_AND_OWNER, octal, _TIME, checksum, _AFTER_CHECKSUM, _FILLING))


class Digest(Protocol):
    """What `hashlib` gives."""

    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


class BackgroundDigest:
    """sha256 in a thread of its own: hashlib lets go of the interpreter, so another core does it."""

    _MAX_WAITING = 4

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._waiting: queue.Queue[bytes | None] = queue.Queue(self._MAX_WAITING)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def update(self, data: bytes, /) -> None:
        self._waiting.put(data)

    def hexdigest(self) -> str:
        """Waits for what was given; nothing can be given afterwards."""
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join()
        return self._digest.hexdigest()

    def _work(self) -> None:
        while (data := self._waiting.get()) is not None:
            self._digest.update(data)


class TarWriter:
    """Appends members to a file; after `close`, `sha256` and `num_bytes` describe the whole archive."""

    def __init__(self, file: BinaryIO, digest: Digest | None = None) -> None:
        self._file = file
        self._digest = digest or hashlib.sha256()
        self._parts: list[bytes] = []
        self._num_waiting = 0
        self.num_bytes = 0

    def add(self, name: str, data: bytes) -> int:
        """Write one member; returns the offset of its first data byte."""
        size = len(data)
        padding = -size % BLOCK_BYTES
        self._parts += (header(name, size), data, _ZEROS[:padding])
        offset = self.num_bytes + BLOCK_BYTES
        self.num_bytes = offset + size + padding
        self._num_waiting += BLOCK_BYTES + size + padding
        if self._num_waiting >= _CHUNK_BYTES:
            self._flush()
        return offset

    def close(self) -> None:
        """Write the two zero blocks that end an archive, and what still waits."""
        self._parts += (_ZEROS, _ZEROS)
        self.num_bytes += 2 * BLOCK_BYTES
        self._flush()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def _flush(self) -> None:
        """One join, one write: a call a member costs more than the copy."""
        data = b"".join(self._parts)
        self._digest.update(data)
        self._file.write(data)
        self._parts.clear()
        self._num_waiting = 0
