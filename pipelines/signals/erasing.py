"""Rows of erased samples out of signal files: the others are bound to the new tar and not measured again."""

from collections.abc import Iterator, Mapping

import pyarrow.compute as pc

from pipelines import storage
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.erasing import erased_from
from pipelines.shards.sidecar import SUCCESS
from pipelines.shards.snapshots import Stats, read_all_stats
from pipelines.signals.files import TAR, open_shards, read_facts
from pipelines.signals.markers import Marker, family_digest, read_marker, write_marker


def erase_signals(layout: Layout, snapshot: Snapshot) -> list[str]:
    """Bring every family of a snapshot in line with its shards, as far as these were erased; the files rewritten.

    A file counts as this shard's where it was measured from the tar, or from one that the tar was before.
    """
    shards = open_shards(layout, snapshot)
    stats = read_all_stats(layout, snapshot, range(len(shards.tars)))
    erased = {shard: one for shard, one in enumerate(stats) if erased_from(one)}
    written: list[str] = []
    for key in storage.names(f"{layout.root}/signals") if erased else ():
        mine = list(_rewritten(layout, snapshot, key, erased))
        written += mine
        _mark(layout, snapshot, key, shards.tars, shards.digest, erased)
    return written


def _rewritten(layout: Layout, snapshot: Snapshot, key: str, erased: Mapping[int, Stats]) -> Iterator[str]:
    there = set(storage.names(layout.signals(key, snapshot), ".parquet"))
    for shard, stats in erased.items():
        uri = layout.signal(key, snapshot, shard)
        if f"{shard:08d}.parquet" not in there:
            continue
        rows = storage.read_table(layout.sidecar(snapshot, shard), ["uid", "status"])
        left = rows.filter(pc.field("status") == SUCCESS)["uid"].combine_chunks()
        table, facts = storage.read_table(uri), read_facts(uri)
        kept = table.filter(pc.is_in(table["uid"], value_set=left))
        is_ours = facts.get(TAR) in erased_from(stats)  # else it is of today's tar, or of none that we know
        if is_ours or len(kept) < len(table):
            bound = {TAR: str(stats["tar_sha256"])} if is_ours else {}
            storage.write_table(uri, kept.replace_schema_metadata({**facts, **bound}))
            yield uri


def _mark(
    layout: Layout,
    snapshot: Snapshot,
    key: str,
    tars: tuple[str, ...],
    digest: str,
    erased: Mapping[int, Stats],
) -> None:
    """A family that was finished stays finished: no encoder and no decoder runs again."""
    marker = read_marker(layout, key, snapshot)
    stale = [shard for shard in erased if marker.files.get(shard, ("",))[0] in erased_from(erased[shard])]
    if not stale:
        return
    files = dict(marker.files)
    for shard in stale:
        files[shard] = (tars[shard], storage.file_sha256(layout.signal(key, snapshot, shard)))
    is_finished = bool(marker.digest) and len(files) == len(tars)
    is_finished = is_finished and all(files[shard][0] == tar for shard, tar in enumerate(tars))
    mended = (
        Marker(
            digest=family_digest(files[shard][1] for shard in range(len(tars))),
            tars=digest,
            settings=marker.settings,
            files=files,
        )
        if is_finished
        else Marker(files=files)
    )
    write_marker(layout, key, snapshot, mended)
