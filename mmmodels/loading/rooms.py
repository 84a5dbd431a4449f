"""Arrays that batches are decoded into, used again and again: new pages would cost a tenth of the decoding."""

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmmodels.loading.media import Media


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Room:
    """An array for one modality of one batch."""

    key: tuple[str, int]
    array: NDArray[Any]
    """As media are decoded: uint8 (size, H, W, 3) or int16 (size, N)."""
    is_pinned: bool = False
    descriptor: int = -1
    """Of the memory, where processes share it."""

    @property
    def path(self) -> str:
        """By which other processes map it."""
        return f"/proc/{os.getpid()}/fd/{self.descriptor}"


class Rooms:
    """As many as were ever in use at once."""

    def __init__(self, *, shares: bool) -> None:
        self._shares = shares
        self._free: dict[tuple[str, int], list[Room]] = {}

    def take(self, media: Media, size: int) -> Room:
        """One that nobody uses, of any content."""
        key = (media.modality, size)
        free = self._free.setdefault(key, [])
        if free:
            return free.pop()
        shape, dtype = media.shape_of(size)
        return _shared(key, shape, dtype) if self._shares else _own(key, shape, dtype)

    def give_back(self, room: Room) -> None:
        """It may be written again; page-locked memory goes to its allocator, which waits for copies under way."""
        if room.is_pinned:
            return
        if room.key in self._free:
            self._free[room.key].append(room)
        elif room.descriptor >= 0:  # all others were closed: a run that failed gives its last ones back late
            os.close(room.descriptor)

    def close(self) -> None:
        """No further process may map them."""
        for room in (room for rooms in self._free.values() for room in rooms if room.descriptor >= 0):
            os.close(room.descriptor)
        self._free.clear()


def _own(key: tuple[str, int], shape: tuple[int, ...], dtype: str) -> Room:
    """Page-locked where there is an accelerator: it then copies while the processor goes on."""
    import torch

    if not torch.cuda.is_available():
        return Room(key=key, array=np.empty(shape, dtype=dtype))
    pinned: NDArray[Any] = torch.empty(shape, dtype=getattr(torch, dtype), pin_memory=True).numpy()
    return Room(key=key, array=pinned, is_pinned=True)


def _shared(key: tuple[str, int], shape: tuple[int, ...], dtype: str) -> Room:
    """Memory without a name: the kernel frees it with the last process that maps it, however that ends."""
    descriptor = os.memfd_create(f"trivium-{key[0]}")
    with os.fdopen(descriptor, "r+b", closefd=False) as file:
        array = np.memmap(file, dtype=dtype, mode="w+", shape=shape)
    return Room(key=key, array=array, descriptor=descriptor)
