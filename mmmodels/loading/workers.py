"""Decoding ahead: parts of a batch, on threads of this process or on processes that share its memory.

Threads are the default: the decoders leave the interpreter free while they work, so they cost no memory and no start.
Processes help where the interpreter of the training loop is the limit: many cores for one accelerator.
"""

import multiprocessing
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mmmodels.loading.decoding import MediaConfig, decode_into
from mmmodels.loading.media import Media
from mmmodels.loading.rooms import Room, Rooms
from mmmodels.loading.tars import Tars
from pipelines.errors import SampleError

Damage = tuple[int, str]
"""(place in the batch, why it does not decode)."""
PART = 32
"""Members of a part: large enough that handing it out costs nothing, small enough that parts end together."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Members to be decoded, each into its place of an array."""

    config: MediaConfig
    tars: tuple[str, ...]
    offsets: tuple[int, ...]
    sizes: tuple[int, ...]
    places: tuple[int, ...]

    def decode_into(self, array: NDArray[Any], tars: Tars) -> list[Damage]:
        """What is damaged is left out and told."""
        damaged: list[Damage] = []
        for uri, offset, size, place in zip(self.tars, self.offsets, self.sizes, self.places, strict=True):
            try:
                decode_into(tars.read(uri, offset, size), array[place], self.config)
            except SampleError as error:
                damaged.append((place, f"{uri} at {offset}: {error}"))
        return damaged


def parts_of(media: Media, numbers: NDArray[np.int64], places: NDArray[np.int64]) -> Iterator[Part]:
    """Members by number, neighbours in a tar together."""
    members = media.members
    order = members.near_each_other(numbers)
    for start in range(0, len(order), PART):
        some = order[start : start + PART]
        chosen = numbers[some]
        yield Part(
            config=media.config,
            tars=tuple(members.tars[tar] for tar in members.tar[chosen]),
            offsets=tuple(members.offset[chosen].tolist()),
            sizes=tuple(members.size[chosen].tolist()),
            places=tuple(places[some].tolist()),
        )


class Workers(Protocol):
    """Who decodes, and where to."""

    rooms: Rooms

    def submit(self, part: Part, room: Room) -> "Future[list[Damage]]":
        """Decode a part into a room."""
        ...

    def close(self) -> None:
        """Stop; rooms that are still in use stay until they are forgotten."""
        ...


class Threads:
    """Of this process."""

    def __init__(self, num_workers: int, tars: Tars) -> None:
        self.rooms = Rooms(shares=False)
        self._pool = ThreadPoolExecutor(num_workers, thread_name_prefix="decoder")
        self._tars = tars

    def submit(self, part: Part, room: Room) -> "Future[list[Damage]]":
        return self._pool.submit(part.decode_into, room.array, self._tars)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
        self.rooms.close()


class Processes:
    """Of this machine; arrays lie in memory that all of them map, nothing decoded is ever pickled."""

    def __init__(self, num_workers: int, tars: Tars) -> None:
        self.rooms = Rooms(shares=True)
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(
            num_workers, mp_context=context, initializer=_begin, initargs=(tars, os.getpid())
        )

    def submit(self, part: Part, room: Room) -> "Future[list[Damage]]":
        return self._pool.submit(_decode, part, room.path, room.array.shape, room.array.dtype.name)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
        self.rooms.close()


_here: dict[str, Any] = {}
"""Of a worker process: its tars, and the arrays that it has mapped."""


def _begin(tars: Tars, parent: int) -> None:
    _here["tars"] = tars
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """A worker whose trainer was killed would wait for work for ever."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _decode(part: Part, path: str, shape: tuple[int, ...], dtype: str) -> list[Damage]:
    if path not in _here:
        _here[path] = np.memmap(path, dtype=dtype, mode="r+", shape=shape)
    return part.decode_into(_here[path], _here["tars"])
