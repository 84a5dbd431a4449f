"""Reading shards back: sidecars as tables, members by offset, never a walk through the tar."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import tee

import pyarrow as pa
import pyarrow.compute as pc

from pipelines import storage
from pipelines.errors import ShardError, StorageError
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.places import COLUMNS, places_of
from pipelines.shards.sidecar import MEMBERS, SUCCESS
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


def read_sidecar(layout: Layout, snapshot: Snapshot, shard: int, columns: list[str] | None = None) -> pa.Table:
    """The rows of one shard in source order, failures included; a reader trusts only what has stats."""
    if not storage.exists(layout.stats(snapshot, shard)):
        raise ShardError(
            f"{layout.tar(snapshot, shard)}: has no stats, so it was never finished. Pack {snapshot} again."
        )
    return storage.read_table(layout.sidecar(snapshot, shard), columns)


def read_sidecars(layout: Layout, snapshot: Snapshot) -> pa.Table:
    """The rows of a complete snapshot in source order, failures included, with the column `shard`."""
    uris = [layout.sidecar(snapshot, shard) for shard in range(num_shards(layout, snapshot))]
    tables = [
        table.append_column("shard", pa.repeat(pa.scalar(shard, pa.int32()), table.num_rows))
        for shard, table in enumerate(storage.read_many(storage.read_table, uris))
    ]
    return pa.concat_tables(tables)


def read_shard(layout: Layout, snapshot: Snapshot, shard: int, *, members: Sequence[str] = MEDIA) -> Iterator[Sample]:
    """The samples of one shard in source order with their rows, reading only the members asked for."""
    table = read_sidecar(layout, snapshot, shard)
    rows = table.filter(pc.field("status") == SUCCESS).to_pylist(maps_as_pydicts="strict")
    asked = [member for member in ("image", "audio") if member in members]
    ranges = [(row[f"{member}_offset"] or 0, row[f"{member}_size"] or 0) for row in rows for member in asked]
    found = read_members(layout.tar(snapshot, shard), ranges)
    for row in rows:
        media = {
            member: data if row[f"{member}_offset"] is not None else None
            for member, data in zip(asked, found, strict=False)
        }
        yield Sample(
            uid=row["uid"],
            row=row,
            image=media.get("image"),
            audio=media.get("audio"),
            text=(row["caption"] or "") if "text" in members else "",
        )


def read_raw(layout: Layout, snapshot: Snapshot, shard: int) -> Iterator[tuple[str, dict[str, bytes]]]:
    """(uid, every member by its extension) of the samples of one shard, in source order: the fastest way through it."""
    table = read_sidecar(layout, snapshot, shard, columns=["uid", "status", *COLUMNS])
    table = table.filter(pc.field("status") == SUCCESS)
    cuts = places_of(table).cuts(MEMBERS)
    blocks = read_members(layout.tar(snapshot, shard), cuts.ranges)
    yield from zip(table["uid"].to_pylist(), cuts.apply(blocks), strict=True)


def read_members(uri: str, ranges: Iterable[tuple[int, int]]) -> Iterator[bytes]:
    """The bytes at each (offset, size) of a tar, in the order asked for."""
    asked, ranges = tee(ranges)
    try:
        for (offset, size), data in zip(asked, storage.read_ranges(uri, ranges), strict=True):
            if len(data) != size:
                raise ShardError(
                    f"{uri}: {len(data)} bytes at {offset}, the sidecar says {size}. The tar is cut short: remove its "
                    "_stats.json and pack again."
                )
            yield data
    except StorageError as error:
        if storage.is_missing(error):
            raise ShardError(
                f"{uri}: not there, though its stats are. Remove its _stats.json and pack again."
            ) from error
        raise
