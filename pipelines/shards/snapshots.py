"""What of a snapshot is committed: a shard counts from the moment its stats are there."""

import os
from collections.abc import Iterable, Iterator, Sequence

from pipelines import storage
from pipelines.errors import ShardError, StorageError
from pipelines.layout import Layout
from pipelines.samples import Snapshot, digest_of
from pipelines.shards.planning import Plan, read_plan

Stats = dict[str, object]
_SUFFIX = "_stats.json"


def num_shards(layout: Layout, snapshot: Snapshot) -> int:
    """How many shards a complete snapshot has; `ShardError` where it is absent or incomplete."""
    plan = read_plan(layout, snapshot)
    if plan is None:
        raise ShardError(
            f"{snapshot}: not packed under {layout.root}. Run: python -m pipelines pack --root {layout.root} "
            f"--corpus {snapshot.corpus}"
        )
    missing = missing_shards(layout, snapshot, plan)
    if missing:
        raise ShardError(
            f"{snapshot}: {len(missing)} of {plan.num_shards} shards are missing (first {missing[0]:08d}). "
            "Pack it again: only these are built."
        )
    return plan.num_shards


def missing_shards(layout: Layout, snapshot: Snapshot, plan: Plan) -> list[int]:
    """Planned shards without stats."""
    there = {name.removesuffix(_SUFFIX) for name in storage.names(layout.shards(snapshot), _SUFFIX)}
    return [shard for shard in range(plan.num_shards) if f"{shard:08d}" not in there]


def snapshot_digest(layout: Layout, snapshot: Snapshot) -> str:
    """sha256 over the ordered tar digests: the data version of a complete snapshot."""
    return digest_of_stats(read_all_stats(layout, snapshot, range(num_shards(layout, snapshot))))


def digest_of_stats(stats: Sequence[Stats]) -> str:
    """The same, of stats that are read already."""
    return digest_of([one["tar_sha256"] for one in stats])


def read_stats(layout: Layout, snapshot: Snapshot, shard: int) -> Stats:
    """What one shard holds; `ShardError` where its stats are no JSON or lack what ours have."""
    return _read_stats(layout.stats(snapshot, shard), snapshot)


def read_all_stats(layout: Layout, snapshot: Snapshot, shards: Iterable[int]) -> list[Stats]:
    """Of many shards, in their order."""
    return list(each_stats(layout, snapshot, shards))


def each_stats(layout: Layout, snapshot: Snapshot, shards: Iterable[int]) -> Iterator[Stats]:
    """The same one after another, in bounded memory; on an object store several are asked for at a time."""
    uris = (layout.stats(snapshot, shard) for shard in shards)
    yield from storage.read_many(lambda uri: _read_stats(uri, snapshot), uris)


def _read_stats(uri: str, snapshot: Snapshot) -> Stats:
    try:
        stats = storage.read_json(uri)
    except StorageError:  # a disk or a store that does not answer: no reason to remove anything
        raise
    except ValueError as error:
        raise ShardError(f"{uri}: not JSON ({error}). Remove it and pack {snapshot} again.") from error
    if lacking := {"count", "status_dict", "tar_sha256", "tar_bytes"} - set(stats):
        raise ShardError(f"{uri}: lacks {', '.join(sorted(lacking))}. Remove it and pack {snapshot} again.")
    return stats


def remove_left_behind(folder: str) -> None:
    """Half-written files of runs that were killed on this machine; those of running processes stay."""
    if not storage.is_local(folder):
        return  # an object store shows nothing half-written
    for path in storage.local_path(folder).glob(".*.partial"):
        writer = path.name.split(".")[-2]
        if writer.isdecimal() and not _is_running(int(writer)):
            path.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def all_snapshots(layout: Layout) -> list[Snapshot]:
    """Every snapshot that was begun under a root, sorted."""
    named = [
        Snapshot(corpus=corpus, snapshot=name)
        for corpus in storage.names(layout.corpora())
        for name in storage.names(f"{layout.corpora()}/{corpus}")
    ]
    return [snapshot for snapshot in named if storage.exists(layout.plan(snapshot))]


def snapshots_of(layout: Layout, corpus: str) -> list[Snapshot]:
    """Those of one corpus that were begun, sorted."""
    return [snapshot for snapshot in all_snapshots(layout) if snapshot.corpus == corpus]


def choose_snapshots(layout: Layout, *, corpus: str | None = None, snapshot: str | None = None) -> list[Snapshot]:
    """Those that a command line means; `ShardError` where that is none."""
    chosen = [
        one
        for one in all_snapshots(layout)
        if (corpus is None or one.corpus == corpus) and (snapshot is None or one.snapshot == snapshot)
    ]
    if not chosen:
        wanted = "/".join(name for name in (corpus, snapshot) if name) or "anything"
        raise ShardError(
            f"{layout.root}: nothing was packed as {wanted}. Run: python -m pipelines pack --root {layout.root}"
        )
    return chosen
