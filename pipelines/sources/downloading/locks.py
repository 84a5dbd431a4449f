"""Locks that all processes of a machine share and that the kernel frees when one of them dies: ranges of one file.

A file per host would be simpler and would leave millions of them behind. The locks belong to the open file, not to the
process (Linux: F_OFD_SETLK), so that two downloads in one process exclude each other as well; where a system has none,
they belong to the process.
"""

import fcntl
import hashlib
import os
import struct
import sys
from pathlib import Path

_ROOM = 512
"""Locks of one name: slots from 0, and what a name is waited for with."""
_WANTED = _ROOM - 1
_OPEN_FILE_LOCKS = sys.platform == "linux"


class MachineLocks:
    """Numbered locks under names; without a folder every lock is free."""

    def __init__(self, folder: Path | None) -> None:
        self._descriptor = -1
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(folder / "locks", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)

    @property
    def are_shared(self) -> bool:
        return self._descriptor >= 0

    def try_lock(self, name: str, slot: int = 0) -> bool:
        """Whether nobody else holds it; holding it already is no hindrance."""
        return self._set(fcntl.F_WRLCK, name, slot)

    def unlock(self, name: str, slot: int = 0) -> None:
        self._set(fcntl.F_UNLCK, name, slot)

    def want(self, name: str) -> None:
        """Tell the holders of a name that somebody waits."""
        self._set(fcntl.F_RDLCK, name, _WANTED)

    def stop_wanting(self, name: str) -> None:
        self._set(fcntl.F_UNLCK, name, _WANTED)

    def is_wanted(self, name: str) -> bool:
        """Whether somebody else waits for it."""
        if not self.are_shared or not _OPEN_FILE_LOCKS:
            return False
        asked = _range(fcntl.F_WRLCK, name, _WANTED)
        found = fcntl.fcntl(self._descriptor, fcntl.F_OFD_GETLK, asked)
        return bool(struct.unpack_from("h", found)[0] != fcntl.F_UNLCK)

    def close(self) -> None:
        """Free everything."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _set(self, kind: int, name: str, slot: int) -> bool:
        if self._descriptor < 0:
            return True
        try:
            if _OPEN_FILE_LOCKS:
                fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLK, _range(kind, name, slot))
            else:
                operation = {fcntl.F_WRLCK: fcntl.LOCK_EX, fcntl.F_RDLCK: fcntl.LOCK_SH, fcntl.F_UNLCK: fcntl.LOCK_UN}
                flags = operation[kind] | (0 if kind == fcntl.F_UNLCK else fcntl.LOCK_NB)
                fcntl.lockf(self._descriptor, flags, 1, _offset(name, slot), os.SEEK_SET)
        except (BlockingIOError, PermissionError):  # EAGAIN and EACCES both say that somebody else holds it
            return False
        return True


def _offset(name: str, slot: int) -> int:
    """Two names share a place once in 2^48: their hosts would share their limits."""
    place = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=6).digest(), "big")
    return place * _ROOM + slot


def _range(kind: int, name: str, slot: int) -> bytes:
    """One byte of the file as a `struct flock` of the platform."""
    return struct.pack("hhqqi0q", kind, os.SEEK_SET, _offset(name, slot), 1, 0)
