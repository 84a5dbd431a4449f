"""Bytes of members: `pread` out of tars that stay open; those of an object store by way of a copy on this disk."""

import os
import threading
import weakref
from collections import OrderedDict
from typing import Any

from mmmodels.loading.copies import LocalCopies
from pipelines import storage
from pipelines.errors import ShardError, StorageError
from pipelines.shards.reading import read_members

_OPEN_TARS = 256


class Tars:
    """For any number of threads; picklable, so that every process may have one."""

    def __init__(self, copies: LocalCopies | None = None) -> None:
        self._copies = copies
        self._open: OrderedDict[str, _Tar] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, uri: str, offset: int, size: int) -> bytes:
        """`ShardError` where the tar is not there or ends before."""
        if storage.is_local(uri):
            data = os.pread(self._opened(uri).descriptor, size, offset)
        elif self._copies is not None:
            data = self._copies.read(uri, offset, size)
        else:
            (data,) = read_members(uri, [(offset, size)])
        if len(data) != size:
            raise ShardError(
                f"{uri}: {len(data)} bytes at {offset}, the sidecar says {size}. The tar is cut short. Run: "
                "python -m pipelines verify --repair."
            )
        return data

    def __getstate__(self) -> dict[str, Any]:
        return {"copies": self._copies}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["copies"])  # type: ignore[misc]

    def _opened(self, uri: str) -> "_Tar":
        with self._lock:
            tar = self._open.get(uri)
            if tar is None:
                tar = self._open[uri] = _Tar(uri)
                while len(self._open) > _OPEN_TARS:
                    self._open.popitem(last=False)
            else:
                self._open.move_to_end(uri)
            return tar


class _Tar:
    """An open file that closes when nobody reads it any more: another thread may still do when it is put away."""

    def __init__(self, uri: str) -> None:
        try:
            self.descriptor = os.open(storage.local_path(uri), os.O_RDONLY)
        except FileNotFoundError as error:
            raise ShardError(f"{uri}: not there, though its stats are. Run: python -m pipelines verify.") from error
        except OSError as error:
            raise StorageError(
                f"{uri}: cannot be opened ({error.strerror}). Look at its rights and its disk."
            ) from error
        weakref.finalize(self, os.close, self.descriptor)
