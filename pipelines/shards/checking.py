"""One shard against its stats and sidecar: what a worker of `verify` does. Every byte is read once."""

import re
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
from pipelines.shards.planning import PlannedShard
from pipelines.shards.scanning import bytes_of_members, damaged_in, scanned
from pipelines.shards.sidecar import SIDECAR, SUCCESS
from pipelines.shards.snapshots import Stats, read_stats

_UID = re.compile("[0-9a-f]{32}")


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
    return table if _has_ids(table) else SIDECAR.empty_table()


def _has_ids(table: pa.Table) -> bool:
    """Whether what follows can make anything of the rows."""
    if not table.schema.equals(SIDECAR):
        return False
    uids = table.filter(pc.field("status") == SUCCESS)["uid"].to_pylist()
    return all(_UID.fullmatch(uid or "") for uid in uids)


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
        digest, num_bytes, misplaced = scanned(uri, table)
    except StorageError as error:
        yield uri, _not_there(error)
        return
    if digest != stats["tar_sha256"]:
        damaged = f" {found}" if (found := damaged_in(uri, table)) else ""
        yield uri, f"{uri}: its sha256 is {digest[:12]}..., its stats say {str(stats['tar_sha256'])[:12]}...{damaged}"
    elif misplaced:
        yield sidecar, f"{uri}: {misplaced}"
    elif is_indexed and num_bytes != bytes_of_members(table):
        yield sidecar, f"{uri}: holds {num_bytes} bytes, other than the members that its sidecar names."


def _not_there(error: StorageError) -> str:
    """The problem of a file that is gone; a disk or a store that does not answer is no damage, and ends the check."""
    if not storage.is_missing(error):
        raise error
    return str(error)
