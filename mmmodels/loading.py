"""From a view to arrays: media are read by offset, decoded once into mapped arrays, or on demand if too large."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from mmmodels.batches import decode_clip, decode_image
from mmmodels.recipes import AudioConfig, ImageConfig, ModelConfig
from pipelines.curation.views import View
from pipelines.layout import Layout
from pipelines.parallel import map_shards
from pipelines.samples import Snapshot, digest_of
from pipelines.shards.reading import read_members
from pipelines.storage import is_local, local_path

MAX_CACHE_BYTES = 8 << 30
_DONE = "done"


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """Where one medium lies."""

    tar: str
    offset: int
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Media:
    """One modality of a view: its distinct media, and which of them each row of the table has."""

    modality: str
    members: tuple[Member, ...]
    index: NDArray[np.int64]
    """(rows of the table,): number of the member, -1 where the sample lacks this modality."""
    config: ImageConfig | AudioConfig
    decoded_path: str | None
    """The memory-mapped array of all members, in their order; None = decode on demand."""

    def read(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """uint8 (n, 3, H, W) or int16 (n, N) of those rows of the table."""
        numbers = self.index[rows]
        if self.decoded_path is not None:
            return np.asarray(np.load(self.decoded_path, mmap_mode="r")[numbers])
        return np.stack([self.decode(int(number)) for number in numbers])

    def decode(self, number: int) -> NDArray[Any]:
        """One member from its tar."""
        member = self.members[number]
        (data,) = read_members(member.tar, [(member.offset, member.size)])
        return _decode(data, self.config)


def _decode(data: bytes, config: ImageConfig | AudioConfig) -> NDArray[Any]:
    return decode_image(data, config=config) if isinstance(config, ImageConfig) else decode_clip(data, config=config)


def open_media(view: View, table: pa.Table, *, config: ModelConfig, num_workers: int) -> dict[str, Media]:
    """Image and audio of a view's table, decoded into a cache under the root unless that is remote or too large."""
    found: dict[str, Media] = {}
    for modality, part in (("image", config.image), ("audio", config.audio)):
        shas = table[f"{modality}_sha256"].to_pylist()
        first = {sha: row for row, sha in reversed(list(enumerate(shas))) if sha is not None}
        order = {sha: number for number, sha in enumerate(sorted(first))}
        index = np.array([-1 if sha is None else order[sha] for sha in shas], dtype=np.int64)
        columns: list[list[Any]] = [
            table[name].to_pylist()
            for name in ("corpus", "snapshot", "shard", f"{modality}_offset", f"{modality}_size")
        ]
        members = tuple(
            Member(
                tar=view.layout.tar(Snapshot(corpus=columns[0][row], snapshot=columns[1][row]), columns[2][row]),
                offset=columns[3][row],
                size=columns[4][row],
            )
            for row in (first[sha] for sha in sorted(first))
        )
        name = digest_of([modality, sorted(first), str(part)])[:32]
        path = _decoded(view.layout, name, members=members, config=part, num_workers=num_workers)
        found[modality] = Media(modality=modality, members=members, index=index, config=part, decoded_path=path)
    return found


def _decoded(
    layout: Layout,
    name: str,
    *,
    members: tuple[Member, ...],
    config: ImageConfig | AudioConfig,
    num_workers: int,
) -> str | None:
    """Path of the decoded array, made now if it is not there; None if it would not fit."""
    shape, dtype = _shape(config)
    num_bytes = len(members) * int(np.prod(shape)) * np.dtype(dtype).itemsize
    if not members or not is_local(layout.root) or num_bytes > MAX_CACHE_BYTES:
        return None
    folder = local_path(layout.cache(f"decoded/{name}"))
    path = folder / "array.npy"
    if (folder / _DONE).exists():
        return str(path)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    open_memmap(path, mode="w+", dtype=dtype, shape=(len(members), *shape)).flush()
    what = "decode images" if isinstance(config, ImageConfig) else "decode clips"
    by_tar: dict[str, list[int]] = {}
    for number, member in enumerate(members):
        by_tar.setdefault(member.tar, []).append(number)
    tasks = [(tar, [(number, members[number]) for number in numbers]) for tar, numbers in sorted(by_tar.items())]
    map_shards(partial(_decode_shard, path=str(path), config=config), tasks, num_workers=num_workers, what=what)
    (folder / _DONE).touch()
    return str(path)


def blank(config: ImageConfig | AudioConfig) -> NDArray[Any]:
    """Stands in for a medium that a sample lacks: a black picture or silence."""
    shape, dtype = _shape(config)
    return np.zeros(shape, dtype=dtype)


def _shape(config: ImageConfig | AudioConfig) -> tuple[tuple[int, ...], str]:
    if isinstance(config, ImageConfig):
        return (3, config.size_pixels, config.size_pixels), "uint8"
    return (config.num_samples,), "int16"


def _decode_shard(
    task: tuple[str, Sequence[tuple[int, Member]]], *, path: str, config: ImageConfig | AudioConfig
) -> int:
    tar, numbered = task
    array = open_memmap(path, mode="r+")
    data = read_members(tar, [(member.offset, member.size) for _, member in numbered])
    for (number, _), content in zip(numbered, data, strict=True):
        array[number] = _decode(content, config)
    array.flush()
    return len(numbered)


def numbered(values: Sequence[str]) -> NDArray[np.int64]:
    """Equal strings get equal numbers, in order of their names."""
    order = {value: number for number, value in enumerate(sorted(set(values)))}
    return np.array([order[value] for value in values], dtype=np.int64)
