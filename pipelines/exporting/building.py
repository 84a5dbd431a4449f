"""One new shard out of samples of others: tar, sidecar, then stats as the commit mark."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines import storage
from pipelines.exporting.copying import Run, copy_in_order, copy_scattered
from pipelines.exporting.surveying import extents
from pipelines.layout import Layout
from pipelines.samples import Modality, Snapshot
from pipelines.shards.reading import read_sidecar
from pipelines.shards.sidecar import MEMBERS, SIDECAR, SUCCESS, write_sidecar
from pipelines.shards.snapshots import Stats


@dataclass(frozen=True, kw_only=True, slots=True)
class CopyTask:
    """A shard to be made."""

    layout: Layout
    snapshot: Snapshot
    shard: int
    first_row: int
    """Of its rows in the new snapshot."""
    origin: Layout
    sources: tuple[tuple[Snapshot, int], ...]
    """The shards that it takes from."""
    source: NDArray[np.int32]
    """Position in `sources` of each sample, in the order of the new shard."""
    row: NDArray[np.int32]
    """Of that one's sidecar."""
    is_scattered: bool = False
    """The samples do not follow the order of their tars."""
    has_spare_core: bool = False

    def __str__(self) -> str:
        return f"shard {self.shard:08d} of {self.snapshot}"


def copy_shard(task: CopyTask) -> Stats:
    """Same task, same bytes of tar and sidecar; nothing counts before its stats are there."""
    start = time.time()
    table, runs, moved = _gather(task)
    with storage.replacing(task.layout.tar(task.snapshot, task.shard)) as path:
        if task.is_scattered:
            tar_sha256 = copy_scattered(runs, path)
        else:
            tar_sha256 = copy_in_order(runs, path, has_spare_core=task.has_spare_core)
        tar_bytes = path.stat().st_size
    sidecar = task.layout.sidecar(task.snapshot, task.shard)
    table = _renumbered(table, moved, task.first_row)
    write_sidecar(sidecar, table)
    stats = _stats(table, start) | {
        "tar_bytes": tar_bytes,
        "tar_sha256": tar_sha256,
        "sidecar_sha256": storage.file_sha256(sidecar),
    }
    storage.write_json(task.layout.stats(task.snapshot, task.shard), stats)
    return stats


def _gather(task: CopyTask) -> tuple[pa.Table, list[Run], NDArray[np.int64]]:
    """(the rows, what to copy, by how many bytes each sample moves), in the order of the new shard."""
    tables, starts, ends = [], np.empty(len(task.row), np.int64), np.empty(len(task.row), np.int64)
    for number, (snapshot, shard) in enumerate(task.sources):
        mine = task.source == number
        rows = read_sidecar(task.origin, snapshot, shard, SIDECAR.names).take(task.row[mine])
        starts[mine], ends[mine] = extents(rows, task.origin.sidecar(snapshot, shard))
        tables.append(rows.cast(SIDECAR))
    read_in = np.argsort(task.source, kind="stable")
    table = pa.concat_tables(tables).take(np.argsort(read_in)).combine_chunks()
    targets = np.concatenate([[0], np.cumsum(ends - starts)[:-1]])
    return table, _runs(task, starts, ends, targets), targets - starts


def _runs(task: CopyTask, starts: NDArray[np.int64], ends: NDArray[np.int64], targets: NDArray[np.int64]) -> list[Run]:
    """Neighbours in the old tar and in the new one are copied together."""
    follows = (starts[1:] == ends[:-1]) & (task.source[1:] == task.source[:-1])
    first = np.flatnonzero(np.concatenate([[True], ~follows]))
    last = np.append(first[1:], len(starts)) - 1
    uris = [task.origin.tar(snapshot, shard) for snapshot, shard in task.sources]
    columns = (task.source[first], starts[first], ends[last] - starts[first], targets[first])
    return [
        Run(uri=uris[source], offset=offset, size=size, target=target)
        for source, offset, size, target in zip(*(column.tolist() for column in columns), strict=True)
    ]


def _renumbered(table: pa.Table, moved: NDArray[np.int64], first_row: int) -> pa.Table:
    """The rows as those of the new tar."""
    columns = {"source_row": pa.array(np.arange(first_row, first_row + len(table)))}
    for member in MEMBERS:
        offset: Any = table[f"{member}_offset"]
        there = pc.fill_null(offset, 0).to_numpy() + moved
        columns[f"{member}_offset"] = pa.array(there, mask=offset.is_null().to_numpy())
    for name, column in columns.items():
        table = table.set_column(table.schema.get_field_index(name), SIDECAR.field(name), column)
    return table


def _stats(table: pa.Table, start: float) -> Stats:
    """As packing counts; nothing fails here."""
    end = time.time()
    return {
        "count": len(table),
        "successes": len(table),
        "failed_to_download": 0,
        "failed_to_resize": 0,
        "duration": end - start,
        "start_time": start,
        "end_time": end,
        "status_dict": {SUCCESS: len(table)},
        "num_transient": 0,
        "n_by_parts": _num_by_parts(table),
        "n_by_language": dict(Counter(table["language"].to_pylist())),
        "n_by_license": dict(Counter(table["license"].to_pylist())),
    }


def _num_by_parts(table: pa.Table) -> dict[str, int]:
    there = [table[f"{part}_offset"].is_valid().to_pylist() for part in Modality]
    named: Sequence[str] = [
        "+".join(p for p, has in zip(Modality, row, strict=True) if has) for row in zip(*there, strict=True)
    ]
    return dict(Counter(named))
