"""Withdrawn samples out of a tar: every other member stays byte for byte, the row stays without what it said.

A shard is built anew aside, its stats last; then its stats are taken away, the files replaced and the new stats put in
place. Stopped at any point, the shard is whole and old, whole and new, or not there and whole aside: whoever works on
the snapshot next (`pack` or another `pack --erase`) puts it in place before anything else.
"""

import hashlib
from collections.abc import Iterator, Set

import pyarrow as pa
import pyarrow.compute as pc

from pipelines import storage
from pipelines.errors import ShardError
from pipelines.layout import Layout
from pipelines.samples import Snapshot, digest_of
from pipelines.shards.blanking import Span, blanked, counts_of
from pipelines.shards.sidecar import MEMBERS, SUCCESS, write_sidecar
from pipelines.shards.snapshots import Stats, read_stats
from pipelines.shards.tar import BLOCK_BYTES

ERASED_FROM = "erased_from"
"""In stats: the sha256 of the tars that this one was, oldest first. Views and signals that name one of them are of
this shard, less what was erased."""
_SPAN_BYTES = 4 << 20
Place = tuple[Snapshot, int]


def erase_from_shard(
    layout: Layout, snapshot: Snapshot, shard: int, uids: Set[str], *, built: dict[str, Place] | None = None
) -> int:
    """Take these samples out, under the lock of the snapshot; how many there were. Nothing changes where it is none.

    `built` grows by what was done: where snapshots share a shard, the next one gets a link to what the first one got.
    """
    table = storage.read_table(layout.sidecar(snapshot, shard))
    gone = _is_gone(table, uids)
    if any(gone):
        stats = read_stats(layout, snapshot, shard)
        same = digest_of([stats["tar_sha256"], stats.get("sidecar_sha256"), sorted(uids)])
        if built and same in built:
            _link_aside(layout, snapshot, shard, stats, built[same])
        else:
            _build_aside(layout, snapshot, shard, table, gone)
        finish_erasures(layout, snapshot)
        if built is not None:
            built.setdefault(same, (snapshot, shard))
    return sum(gone)


def _link_aside(layout: Layout, snapshot: Snapshot, shard: int, stats: Stats, built: Place) -> None:
    aside = layout.erasing(snapshot)
    storage.remove(aside.stats(snapshot, shard))
    for name in ("tar", "downloads", "sidecar"):
        source = getattr(layout, name)(*built)
        if storage.exists(source):
            storage.same_file(source, getattr(aside, name)(snapshot, shard))
    own = {name: stats[name] for name in ("superseded", ERASED_FROM) if name in stats}
    storage.write_json(aside.stats(snapshot, shard), {**read_stats(layout, *built), **own, **_traced(stats)})


def _traced(stats: Stats) -> dict[str, object]:
    return {ERASED_FROM: [*erased_from(stats), str(stats["tar_sha256"])]}


def finish_erasures(layout: Layout, snapshot: Snapshot) -> list[int]:
    """Put in place what an erasure built aside and did not get to; under the lock of the snapshot."""
    aside = layout.erasing(snapshot)
    names = storage.names(aside.shards(snapshot), "_stats.json")
    shards = [int(name.removesuffix("_stats.json")) for name in names]
    for shard in shards:
        _install(aside, layout, snapshot, shard)
    storage.remove(aside.root)
    return shards


def _is_gone(table: pa.Table, uids: Set[str]) -> list[bool]:
    rows = zip(table["uid"].to_pylist(), table["status"].to_pylist(), strict=True)
    return [status == SUCCESS and uid in uids for uid, status in rows]


def _build_aside(layout: Layout, snapshot: Snapshot, shard: int, table: pa.Table, gone: list[bool]) -> None:
    aside = layout.erasing(snapshot)
    storage.remove(aside.stats(snapshot, shard))  # of an earlier one: the files below would not be its own
    stats = read_stats(layout, snapshot, shard)
    removed = sorted(_spans(table.filter(pa.array(gone))))
    size = int(str(stats["tar_bytes"]))
    tar_sha256 = _copy(layout.tar(snapshot, shard), aside.tar(snapshot, shard), _complement(removed, size), size)
    rows = blanked(table, gone, removed)
    write_sidecar(aside.sidecar(snapshot, shard), rows)
    _copy_downloads(layout, aside, snapshot, shard, table.filter(pa.array(gone)))
    counted = {
        "tar_sha256": tar_sha256,
        "tar_bytes": size - sum(end - start for start, end in removed),
        "sidecar_sha256": storage.file_sha256(aside.sidecar(snapshot, shard)),
        **_traced(stats),
        **counts_of(rows),
    }
    storage.write_json(aside.stats(snapshot, shard), stats | counted)


def erased_from(stats: Stats) -> list[str]:
    """What the tar was before samples were erased; empty for nearly every shard."""
    found = stats.get(ERASED_FROM, [])
    assert isinstance(found, list)
    return [str(one) for one in found]


def _install(aside: Layout, layout: Layout, snapshot: Snapshot, shard: int) -> None:
    storage.remove(layout.stats(snapshot, shard))
    for name in ("tar", "downloads", "sidecar", "stats"):
        source = getattr(aside, name)(snapshot, shard)
        if storage.exists(source):
            storage.same_file(source, getattr(layout, name)(snapshot, shard))
    storage.remove(aside.stats(snapshot, shard))


def _spans(samples: pa.Table) -> Iterator[Span]:
    """(start, end) of every member with its header and filling."""
    columns = [samples[f"{member}_{what}"].to_pylist() for member in MEMBERS for what in ("offset", "size")]
    for offsets, sizes in zip(columns[::2], columns[1::2], strict=True):
        for offset, size in zip(offsets, sizes, strict=True):
            if offset is not None and size is not None:
                yield offset - BLOCK_BYTES, offset + -(-size // BLOCK_BYTES) * BLOCK_BYTES


def _complement(removed: list[Span], size: int) -> Iterator[Span]:
    """What stays, cut into spans of a few megabytes."""
    position = 0
    for start, end in [*removed, (size, size)]:
        for low in range(position, start, _SPAN_BYTES):
            yield low, min(low + _SPAN_BYTES, start)
        position = end


def _copy(source: str, target: str, kept: Iterator[Span], size: int) -> str:
    """Byte ranges into a file; its sha256. `ShardError` where the tar is shorter than its stats say."""
    digest = hashlib.sha256()
    ranges = [(start, end - start) for start, end in kept]
    with storage.replacing(target) as path, path.open("wb") as file:
        for (_, wanted), data in zip(ranges, storage.read_ranges(source, ranges), strict=True):
            if len(data) != wanted:
                raise ShardError(f"{source}: shorter than the {size} bytes of its stats. Run: verify --repair.")
            digest.update(data)
            file.write(data)
    return digest.hexdigest()


def _copy_downloads(layout: Layout, aside: Layout, snapshot: Snapshot, shard: int, gone: pa.Table) -> None:
    uri = layout.downloads(snapshot, shard)
    if storage.exists(uri):
        table = storage.read_table(uri)
        rows = gone["source_row"].combine_chunks()
        kept = pc.invert(pc.is_in(table["source_row"], value_set=rows))
        storage.write_table(aside.downloads(snapshot, shard), table.filter(kept))
