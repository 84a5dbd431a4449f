"""One shard against its stats and sidecar: what a worker of `verify` does. Every byte is read once."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines import storage
from pipelines.errors import ShardError, StorageError
from pipelines.layout import Layout
from pipelines.samples import Snapshot, sha256
from pipelines.shards.places import COLUMNS, places_of
from pipelines.shards.planning import PlannedShard
from pipelines.shards.reading import read_members
from pipelines.shards.sidecar import MEMBERS, SIDECAR, SUCCESS
from pipelines.shards.snapshots import Stats, read_stats
from pipelines.shards.tar import BLOCK_BYTES, header

_END_BYTES = 2 * BLOCK_BYTES


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckTask:
    """A shard that has stats; `planned` is None for one of records that were tried again."""

    layout: Layout
    snapshot: Snapshot
    shard: int
    planned: PlannedShard | None

    def __str__(self) -> str:
        return f"shard {self.shard:08d} of {self.snapshot}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """What is wrong with a shard, and what is compared between shards: 40 bytes a sample."""

    shard: int
    problems: tuple[str, ...]
    """Each names a file and says what is wrong with it."""
    broken: tuple[str, ...]
    """The files that are not what the stats say, the stats too."""
    uids: bytes
    """16 bytes each, of the samples."""
    contents: bytes
    """16 bytes each: of the medium as it came; zeros where a sample is text alone."""
    source_rows: NDArray[np.int64]
    """Of the samples."""


def check_shard(task: CheckTask) -> Checked:
    """What is not there or cannot be parsed is a problem, not the end of the check; `StorageError` where the disk or
    the store does not answer, so that nothing is thought broken for that."""
    layout, snapshot, shard = task.layout, task.snapshot, task.shard
    broken: dict[str, str] = {}
    table = SIDECAR.empty_table()
    try:
        stats = read_stats(layout, snapshot, shard)
    except ShardError as error:
        broken[layout.stats(snapshot, shard)] = str(error)
    else:
        table = _sidecar_of(task, stats, broken)
        for uri, problem in _tar_problems(task, stats, table, is_indexed=not broken):
            broken[uri] = " ".join(filter(None, (broken.get(uri), problem)))
    samples = table.filter(pc.field("status") == SUCCESS)
    return Checked(
        shard=shard,
        problems=tuple(broken.values()),
        broken=(*broken, layout.stats(snapshot, shard)) if broken else (),
        uids=bytes.fromhex("".join(str(uid) for uid in samples["uid"].to_pylist())),
        contents=bytes.fromhex("".join((value or "0" * 32)[:32] for value in samples["sha256"].to_pylist())),
        source_rows=samples["source_row"].to_numpy().astype(np.int64),
    )


def _sidecar_of(task: CheckTask, stats: Stats, broken: dict[str, str]) -> pa.Table:
    """The rows; none, and a problem in `broken`, where they are not what the stats and the plan say."""
    uri = task.layout.sidecar(task.snapshot, task.shard)
    try:
        data = storage.read_bytes(uri)
        table = pq.read_table(pa.BufferReader(data))
    except StorageError as error:
        broken[uri] = _not_there(error)
        return SIDECAR.empty_table()
    except (OSError, pa.ArrowException) as error:
        broken[uri] = f"{uri}: is no Parquet ({error})."
        return SIDECAR.empty_table()
    problem = _sidecar_problem(task, stats, table, digest=sha256(data))
    if problem:
        broken[uri] = f"{uri}: {problem}"
    return table if table.schema.equals(SIDECAR) else SIDECAR.empty_table()


def _sidecar_problem(task: CheckTask, stats: Stats, table: pa.Table, *, digest: str) -> str:
    if not table.schema.equals(SIDECAR):
        return "has other columns than a sidecar."
    num_samples = len(table.filter(pc.field("status") == SUCCESS))
    if (len(table), num_samples) != (stats["count"], stats["successes"]):
        return f"{num_samples} samples in {len(table)} rows, its stats say {stats['successes']} in {stats['count']}."
    if digest != stats.get("sidecar_sha256", digest):
        return f"its sha256 is {digest[:12]}..., its stats say {str(stats['sidecar_sha256'])[:12]}..."
    if task.planned is None:
        return ""
    rows, first = table["source_row"].to_numpy(), task.planned.first_row
    planned = np.arange(first, first + task.planned.num_records)
    return (
        "" if np.array_equal(rows, planned) else f"holds other records than rows {first} to {planned[-1]} of the plan."
    )


def _tar_problems(task: CheckTask, stats: Stats, table: pa.Table, *, is_indexed: bool) -> Iterator[tuple[str, str]]:
    """(the file that is wrong, how); a tar with the right digest is right, whatever its sidecar says."""
    uri, sidecar = task.layout.tar(task.snapshot, task.shard), task.layout.sidecar(task.snapshot, task.shard)
    try:
        digest, num_bytes, misplaced = _scanned(uri, table)
    except StorageError as error:
        yield uri, _not_there(error)
        return
    if digest != stats["tar_sha256"]:
        damaged = f" {found}" if (found := _damaged(uri, table)) else ""
        yield uri, f"{uri}: its sha256 is {digest[:12]}..., its stats say {str(stats['tar_sha256'])[:12]}...{damaged}"
    elif misplaced:
        yield sidecar, f"{uri}: {misplaced}"
    elif is_indexed and num_bytes != _END_BYTES + sum(_padded(size) for size in _member_sizes(table)):
        yield sidecar, f"{uri}: holds {num_bytes} bytes, other than the members that its sidecar names."


def _not_there(error: StorageError) -> str:
    """The problem of a file that is gone; a disk or a store that does not answer is no damage, and ends the check."""
    if not storage.is_missing(error):
        raise error
    return str(error)


def _scanned(uri: str, table: pa.Table) -> tuple[str, int, str]:
    """(sha256, bytes, the first member that is not where the sidecar says) of one pass over the tar."""
    expected = sorted(_headers(table))
    digest, position, rest, misplaced = hashlib.sha256(), 0, b"", ""
    coming = iter(expected)
    offset, block = next(coming, (-1, b""))
    for chunk in storage.read_chunks(uri):
        digest.update(chunk)
        data = rest + chunk if rest else chunk
        whole = len(data) // BLOCK_BYTES * BLOCK_BYTES
        while position <= offset < position + whole:
            at = offset - position
            if not misplaced and data[at : at + BLOCK_BYTES] != block:
                misplaced = f"{_name(block)} is not at {offset}, where its sidecar says."
            offset, block = next(coming, (-1, b""))
        position, rest = position + whole, data[whole:]
    if offset >= 0 and not misplaced:
        misplaced = f"{_name(block)} is not at {offset}, where its sidecar says: the tar ends before."
    return digest.hexdigest(), position + len(rest), misplaced


def _headers(table: pa.Table) -> Iterator[tuple[int, bytes]]:
    """(offset, the block that is to be there) of every member."""
    samples = table.select(["uid", "status", *COLUMNS]).filter(pc.field("status") == SUCCESS)
    places = places_of(samples)
    rows = zip(
        samples["uid"].to_pylist(),
        places.offsets.tolist(),
        places.sizes.tolist(),
        places.extensions.tolist(),
        strict=True,
    )
    for uid, offsets, sizes, codes in rows:
        for offset, size, code in zip(offsets, sizes, codes, strict=True):
            if offset >= 0:
                yield offset - BLOCK_BYTES, header(f"{uid}.{places.names[code]}", size)


def _damaged(uri: str, table: pa.Table) -> str:
    """Which samples hold other media than they were packed with, where that can be told."""
    rows = table.select(
        ["uid", *(f"{part}_{what}" for part in ("image", "audio") for what in ("offset", "size", "sha256"))]
    )
    media = [
        (row["uid"], (row[f"{part}_offset"], row[f"{part}_size"]), row[f"{part}_sha256"])
        for row in rows.to_pylist()
        for part in ("image", "audio")
        if row[f"{part}_offset"] is not None
    ]
    bad: dict[str, None] = {}
    try:
        for (uid, _, digest), data in zip(media, read_members(uri, [place for _, place, _ in media]), strict=True):
            if sha256(data) != digest:
                bad[uid] = None
    except ShardError:
        return f"It is cut short at {len(bad) + 1} of {len(rows)} samples or before." if bad else "It is cut short."
    return f"Damaged media: {len(bad)} of {len(rows)} samples, first {next(iter(bad))}." if bad else ""


def _member_sizes(table: pa.Table) -> list[int]:
    return [size for member in MEMBERS for size in table[f"{member}_size"].drop_null().to_pylist() if size is not None]


def _padded(size: int) -> int:
    return BLOCK_BYTES + -(-size // BLOCK_BYTES) * BLOCK_BYTES


def _name(block: bytes) -> str:
    return block[:100].rstrip(b"\0").decode()
