"""All media of a small view, decoded once into a memory-mapped array under the root."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from mmmodels.loading.decoding import MediaConfig, decode_into, decoded_shape
from mmmodels.loading.members import Members
from mmmodels.loading.tars import Tars
from mmmodels.recipes import ImageConfig
from pipelines.errors import SampleError
from pipelines.parallel import map_shards
from pipelines.storage import local_path

MAX_CACHE_BYTES = 8 << 30
_DONE = "done.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class DecodedArray:
    """Every member by its number; images have their channels in front."""

    path: str
    damaged: Mapping[int, str]
    """Members that do not decode, and why: their places hold zeros."""

    def read(self, numbers: NDArray[np.int64]) -> NDArray[Any]:
        """SampleError where one of them is damaged."""
        for number in set(numbers.tolist()) & self.damaged.keys() if self.damaged else ():
            self.check(number)
        return self.gathered(numbers)

    def check(self, number: int) -> None:
        """SampleError where this one is damaged."""
        if number in self.damaged:
            raise SampleError(self.damaged[number])

    def gathered(self, numbers: NDArray[np.int64]) -> NDArray[Any]:
        """A copy of those members, damaged or not."""
        return np.asarray(np.load(self.path, mmap_mode="r")[numbers])


def decoded_array(
    uri: str, members: Members, *, config: MediaConfig, tars: Tars, num_workers: int
) -> DecodedArray | None:
    """The array at a local folder, made now if it is not there; None if it would not fit."""
    shape, dtype = decoded_shape(config)
    if not len(members) or len(members) * int(np.prod(shape)) * np.dtype(dtype).itemsize > MAX_CACHE_BYTES:
        return None
    folder = local_path(uri)
    path, done = folder / "array.npy", folder / _DONE
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if isinstance(config, ImageConfig):
            shape = (shape[2], *shape[:2])
        open_memmap(path, mode="w+", dtype=dtype, shape=(len(members), *shape)).flush()
        damaged = _fill(str(path), members, config=config, tars=tars, num_workers=num_workers)
        done.write_text(json.dumps({"damaged": damaged}))
    stored = json.loads(done.read_text())["damaged"]
    return DecodedArray(path=str(path), damaged={int(number): reason for number, reason in stored.items()})


def _fill(path: str, members: Members, *, config: MediaConfig, tars: Tars, num_workers: int) -> dict[int, str]:
    """Number -> reason of the members that do not decode."""
    order = members.near_each_other(np.arange(len(members)))
    cuts = np.flatnonzero(np.diff(members.tar[order])) + 1
    what = "decode images" if isinstance(config, ImageConfig) else "decode clips"
    function = partial(_decode_shard, path=path, config=config, tars=tars)
    tasks = [
        (members.tars[members.tar[numbers[0]]], numbers, members.offset[numbers], members.size[numbers])
        for numbers in np.split(order, cuts)
    ]
    found: dict[int, str] = {}
    for damaged in map_shards(function, tasks, num_workers=num_workers, what=what):
        found |= damaged
    return found


_Task = tuple[str, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""Tar; numbers, offsets and sizes of members."""


def _decode_shard(task: _Task, *, path: str, config: MediaConfig, tars: Tars) -> dict[int, str]:
    tar, *columns = task
    array = open_memmap(path, mode="r+")
    damaged: dict[int, str] = {}
    shape, dtype = decoded_shape(config)
    decoded = np.empty(shape, dtype=dtype)
    for number, offset, size in zip(*(column.tolist() for column in columns), strict=True):
        try:
            decode_into(tars.read(tar, offset, size), decoded, config)
        except SampleError as error:
            damaged[number] = f"{tar} at {offset}: {error}"
        else:
            array[number] = decoded.transpose(2, 0, 1) if decoded.ndim == 3 else decoded
    array.flush()
    return damaged
