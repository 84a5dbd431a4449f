"""Withdrawn samples out of everything that this root holds: tars, sidecars, ledgers, signals, caches and cards."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipelines import storage
from pipelines.curation.forgetting.consequences import affected_views, exports_of
from pipelines.curation.subset import write_subset
from pipelines.curation.withdrawing import withdrawn
from pipelines.layout import Layout
from pipelines.reporting.storing import renew_pages
from pipelines.samples import Snapshot
from pipelines.shards.erasing import Place, erase_from_shard, finish_erasures
from pipelines.shards.sidecar import SUCCESS
from pipelines.shards.snapshots import all_snapshots, choose_snapshots, remove_left_behind
from pipelines.shards.tombstones import add_tombstones, remove_urls
from pipelines.signals.erasing import erase_signals

WHO = "pack --erase"


@dataclass(frozen=True, kw_only=True, slots=True)
class EraseReport:
    """What one call took out."""

    num_samples: int
    """Rows that were samples in a shard and are not any more; one sample in two snapshots counts twice."""
    num_shards: int
    shards: tuple[str, ...]
    """CORPUS/SNAPSHOT/SHARD of the tars that were rewritten."""
    num_signal_files: int
    removed: tuple[str, ...]
    """Caches; they are made again when they are needed."""
    renewed: tuple[str, ...]
    """Cards that were made again, and pages that were removed: they may have shown what is gone."""
    exports: tuple[str, ...]
    """Outside of this root: nobody but you can remove what is there."""


def erase(layout: Layout, *, corpora: Sequence[str] = ()) -> EraseReport:
    """Take what the tombstones mean out of the shards of these corpora (none: of all). Repeatable, and stopped at any
    point the next call goes on; a call that finds nothing to do writes nothing."""
    snapshots = _snapshots(layout, corpora)
    for snapshot in snapshots:
        _lock_and_finish(layout, snapshot)
    found = withdrawn(layout, snapshots)
    _name_each(layout, found)
    pending = _pending(layout, found)
    removed, renewed = _hide(layout, pending)
    rewritten: list[str] = []
    built: dict[str, Place] = {}
    num_samples = signals = 0
    for snapshot in snapshots:
        mine = {shard: uids for (one, shard), uids in pending.items() if one == snapshot}
        num_samples += _erase_shards(layout, snapshot, mine, built)
        rewritten += [f"{snapshot}/{shard:08d}" for shard in sorted(mine)]
        signals += len(erase_signals(layout, snapshot))
    if not len(found):
        return EraseReport(
            num_samples=0, num_shards=0, shards=(), num_signal_files=0, removed=(), renewed=(), exports=()
        )
    uids = frozenset(str(uid) for uid in found["uid"].to_pylist())
    remove_urls(layout, uids)
    views, _ = affected_views(layout, uids)
    for one in views:
        write_subset(one.view)
    return EraseReport(
        num_samples=num_samples,
        num_shards=len(rewritten),
        shards=tuple(rewritten),
        num_signal_files=signals,
        removed=tuple(removed),
        renewed=tuple(renewed),
        exports=tuple(exports_of(layout, found, views)),
    )


def pending_erasures(layout: Layout, *, corpora: Sequence[str] = ()) -> dict[str, int]:
    """CORPUS/SNAPSHOT/SHARD -> withdrawn samples that are still in its tar."""
    pending = _pending(layout, withdrawn(layout, _snapshots(layout, corpora)))
    return {f"{snapshot}/{shard:08d}": len(uids) for (snapshot, shard), uids in pending.items()}


def _snapshots(layout: Layout, corpora: Sequence[str]) -> list[Snapshot]:
    """All of a corpus: what is gone from one of its snapshots must not stay in another that shares its files."""
    if not corpora:
        return all_snapshots(layout)
    return [one for corpus in dict.fromkeys(corpora) for one in choose_snapshots(layout, corpus=corpus)]


def _name_each(layout: Layout, found: pa.Table) -> None:
    """A tombstone for every sample that a rule takes: once its URL and digests are gone, no rule would know it."""
    by_rule = found.filter(pc.field("kind") != "uid")
    rows = [
        {"uid": row["uid"], "reason": f"{row['kind']} {row['value']}: {row['reason']}", "who": WHO}
        for row in by_rule.to_pylist()
    ]
    if rows:
        add_tombstones(layout, pa.Table.from_pylist(rows))


def _lock_and_finish(layout: Layout, snapshot: Snapshot) -> None:
    if storage.exists(layout.erasing(snapshot).root):
        with storage.exclusive(layout.shards(snapshot), what=f"{WHO} {snapshot}"):
            finish_erasures(layout, snapshot)


def _pending(layout: Layout, found: pa.Table) -> dict[tuple[Snapshot, int], frozenset[str]]:
    pending: dict[tuple[Snapshot, int], frozenset[str]] = {}
    places = {(row["corpus"], row["snapshot"], row["shard"]) for row in found.to_pylist()}
    uids = found["uid"].combine_chunks()
    for corpus, name, shard in sorted(places):
        snapshot = Snapshot(corpus=corpus, snapshot=name)
        rows = storage.read_table(layout.sidecar(snapshot, shard), ["uid", "status"])
        there = rows.filter((pc.field("status") == SUCCESS) & pc.field("uid").isin(uids))
        if len(there):
            pending[snapshot, shard] = frozenset(str(uid) for uid in there["uid"].to_pylist())
    return pending


def _erase_shards(
    layout: Layout, snapshot: Snapshot, pending: dict[int, frozenset[str]], built: dict[str, Place]
) -> int:
    """Shard by shard, so that the disk needs room for one."""
    if not pending:
        return 0
    with storage.exclusive(layout.shards(snapshot), what=f"{WHO} {snapshot}"):
        remove_left_behind(layout.shards(snapshot))
        _forget_answers(layout, snapshot, pending)
        return sum(
            erase_from_shard(layout, snapshot, shard, uids, built=built) for shard, uids in sorted(pending.items())
        )


def _forget_answers(layout: Layout, snapshot: Snapshot, pending: dict[int, frozenset[str]]) -> None:
    """Later looks at consent name URLs: out with those of the samples, while the sidecars still know which they are."""
    folder = layout.ledger(f"consent/{snapshot}")
    names = storage.names(folder, ".parquet")
    urls = {url for shard, uids in pending.items() for url in _urls(layout, snapshot, shard, uids)} if names else set()
    for name in names:
        table = storage.read_table(f"{folder}/{name}")
        kept = table.filter(pc.invert(pc.is_in(table["url"], value_set=pa.array(sorted(urls), pa.string()))))
        if len(kept) < len(table):
            storage.write_table(f"{folder}/{name}", kept)


def _urls(layout: Layout, snapshot: Snapshot, shard: int, uids: frozenset[str]) -> set[str]:
    rows = storage.read_table(layout.sidecar(snapshot, shard), ["uid", "url", "source_row"])
    gone = rows.filter(pc.field("uid").isin(pa.array(sorted(uids), pa.string())))
    found = {url for url in gone["url"].to_pylist() if url}
    uri = layout.downloads(snapshot, shard)
    if storage.exists(uri):
        asked = storage.read_table(uri, ["source_row", "url"])
        mine = asked.filter(pc.is_in(asked["source_row"], value_set=gone["source_row"].combine_chunks()))
        found |= {url for url in mine["url"].to_pylist() if url}
    return found


def _hide(layout: Layout, pending: Iterable[tuple[Snapshot, int]]) -> tuple[list[str], list[str]]:
    """Decoded media and pages: before the tars, so that a call that is stopped has done it."""
    snapshots = list(dict.fromkeys(snapshot for snapshot, _ in pending))
    cache = layout.cache("").rstrip("/")
    removed = [cache] if snapshots and storage.exists(cache) else []
    for uri in removed:
        storage.remove(uri)
    return removed, renew_pages(layout, snapshots) if snapshots else []
