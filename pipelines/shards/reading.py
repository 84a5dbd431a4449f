"""Reading shards back: sidecars as tables, members by offset, never a walk through the tar."""

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

import fsspec
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import storage
from pipelines.errors import ShardError
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.sidecar import SUCCESS
from pipelines.shards.snapshots import num_shards

MEDIA = ("image", "audio", "text")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One packed sample: its sidecar row, and the members that were asked for."""

    uid: str
    row: dict[str, object]
    image: bytes | None
    audio: bytes | None
    text: str
    """The primary caption; empty where there is none or it was not asked for."""


def read_sidecar(layout: Layout, snapshot: Snapshot, shard: int) -> pa.Table:
    """The rows of one shard in source order, failures included."""
    return _committed(layout, snapshot, shard)


def read_sidecars(layout: Layout, snapshot: Snapshot) -> pa.Table:
    """The rows of a complete snapshot in source order, failures included, with the column `shard`."""
    tables = []
    for shard in range(num_shards(layout, snapshot)):
        table = _committed(layout, snapshot, shard)
        tables.append(table.append_column("shard", pa.repeat(pa.scalar(shard, pa.int32()), table.num_rows)))
    return pa.concat_tables(tables)


def read_shard(layout: Layout, snapshot: Snapshot, shard: int, *, members: Sequence[str] = MEDIA) -> Iterator[Sample]:
    """The samples of one shard in source order, reading only the members asked for."""
    table = read_sidecar(layout, snapshot, shard)
    rows = table.filter(pc.field("status") == SUCCESS).to_pylist(maps_as_pydicts="strict")
    with _opened(layout.tar(snapshot, shard)) as file:
        for row in rows:
            yield Sample(
                uid=row["uid"],
                row=row,
                image=_member(file, row, "image") if "image" in members else None,
                audio=_member(file, row, "audio") if "audio" in members else None,
                text=(row["caption"] or "") if "text" in members else "",
            )


def read_members(uri: str, ranges: Sequence[tuple[int, int]]) -> Iterator[bytes]:
    """The bytes at each (offset, size) of a tar, in the order asked for."""
    with _opened(uri) as file:
        for offset, size in ranges:
            yield file.read_at(offset, size)


def _committed(layout: Layout, snapshot: Snapshot, shard: int) -> pa.Table:
    """A reader trusts only what has stats."""
    if not storage.exists(layout.stats(snapshot, shard)):
        raise ShardError(
            f"{layout.tar(snapshot, shard)}: has no stats, so it was never finished. Pack {snapshot} again."
        )
    return storage.read_table(layout.sidecar(snapshot, shard))


def _member(file: "_Ranges", row: dict[str, int | None], member: str) -> bytes | None:
    offset, size = row[f"{member}_offset"], row[f"{member}_size"]
    return None if offset is None or size is None else file.read_at(offset, size)


class _Ranges(Protocol):
    def read_at(self, offset: int, size: int) -> bytes: ...


class _LocalRanges:
    """pread: no shared position, so a handle may be shared by threads."""

    def __init__(self, uri: str, descriptor: int) -> None:
        self._uri = uri
        self._descriptor = descriptor

    def read_at(self, offset: int, size: int) -> bytes:
        return _checked(os.pread(self._descriptor, size, offset), self._uri, offset, size)


class _RemoteRanges:
    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._filesystem, self._path = fsspec.url_to_fs(uri)

    def read_at(self, offset: int, size: int) -> bytes:
        data: bytes = self._filesystem.cat_file(self._path, start=offset, end=offset + size)
        return _checked(data, self._uri, offset, size)


def _checked(data: bytes, uri: str, offset: int, size: int) -> bytes:
    if len(data) != size:
        raise ShardError(
            f"{uri}: {len(data)} bytes at {offset}, the sidecar says {size}. The tar is cut short: remove its "
            "_stats.json and pack again."
        )
    return data


def _opened(uri: str) -> AbstractContextManager[_Ranges]:
    return _local(uri) if storage.is_local(uri) else _remote(uri)


@contextmanager
def _local(uri: str) -> Iterator[_Ranges]:
    try:
        descriptor = os.open(storage.local_path(uri), os.O_RDONLY)
    except FileNotFoundError as error:
        raise ShardError(f"{uri}: not there, though its stats are. Remove its _stats.json and pack again.") from error
    try:
        yield _LocalRanges(uri, descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _remote(uri: str) -> Iterator[_Ranges]:
    yield _RemoteRanges(uri)
