"""One new shard out of samples of others: tar, sidecar, then stats as the commit mark."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines import storage
from pipelines.exporting.copying import Run, copy_in_order, copy_scattered
from pipelines.exporting.members import members_of, modalities_of, names_of
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.reading import read_sidecar
from pipelines.shards.sidecar import MEMBERS, SIDECAR, SUCCESS, write_sidecar
from pipelines.shards.snapshots import Stats
from pipelines.shards.tar import BLOCK_BYTES

_OF_MEDIA = {
    "image": (
        *("image_size", "image_extension", "image_sha256", "width", "height", "original_width", "original_height"),
        *("exif", "face_bboxes"),
    ),
    "audio": ("audio_size", "audio_extension", "audio_sha256", "duration_seconds", "sample_rate_hz"),
    "text": ("text_size",),
}
"""Columns that say something of a member."""


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
    only: tuple[str, ...] = ()
    """Modalities whose members are copied; empty: all."""
    is_scattered: bool = False
    """The samples do not follow the order of their tars."""
    has_spare_core: bool = False

    def __str__(self) -> str:
        return f"shard {self.shard:08d} of {self.snapshot}"


def copy_shard(task: CopyTask) -> Stats:
    """Same task, same bytes of tar and sidecar; nothing counts before its stats are there."""
    start = time.time()
    table, runs = _gather(task)
    with storage.replacing(task.layout.tar(task.snapshot, task.shard)) as path:
        if task.is_scattered:
            tar_sha256 = copy_scattered(runs, path)
        else:
            tar_sha256 = copy_in_order(runs, path, has_spare_core=task.has_spare_core)
        tar_bytes = path.stat().st_size
    sidecar = task.layout.sidecar(task.snapshot, task.shard)
    write_sidecar(sidecar, table)
    stats = _stats(table, start) | {
        "tar_bytes": tar_bytes,
        "tar_sha256": tar_sha256,
        "sidecar_sha256": storage.file_sha256(sidecar),
    }
    storage.write_json(task.layout.stats(task.snapshot, task.shard), stats)
    return stats


def _gather(task: CopyTask) -> tuple[pa.Table, list[Run]]:
    """(the rows of the new sidecar, what to copy)."""
    shape = (len(task.row), len(MEMBERS))
    tables, starts, sizes = [], np.empty(shape, np.int64), np.empty(shape, np.int64)
    for number, (snapshot, shard) in enumerate(task.sources):
        mine = task.source == number
        rows = _taken(read_sidecar(task.origin, snapshot, shard, SIDECAR.names), task.row[mine])
        starts[mine], sizes[mine] = members_of(rows, task.only)
        tables.append(rows.cast(SIDECAR))
    read_in = np.argsort(task.source, kind="stable")
    table = _taken(pa.concat_tables(tables), np.argsort(read_in)).combine_chunks()
    order = np.argsort(starts, axis=1)  # members stay in the order of their tar
    targets = np.cumsum(np.take_along_axis(sizes, order, axis=1)).reshape(shape)
    targets = np.take_along_axis(targets, np.argsort(order, axis=1), axis=1) - sizes
    moves = np.stack([np.repeat(task.source, len(MEMBERS)), *(a.ravel() for a in (starts, sizes, targets))], axis=1)
    moves = moves[moves[:, 2] > 0]
    return _rows(table, np.where(sizes, targets + BLOCK_BYTES, -1), task), _runs(task, moves[np.argsort(moves[:, 3])])


def _taken(table: pa.Table, rows: NDArray[Any]) -> pa.Table:
    """Neighbours are cut out without a copy."""
    if (np.diff(rows) == 1).all():
        return table.slice(int(rows[0]), len(rows))
    return table.take(rows)


def _runs(task: CopyTask, moves: NDArray[np.int64]) -> list[Run]:
    """Neighbours in the old tar and in the new one are copied together; (source, start, bytes, target) of members."""
    ends = moves[:, 1] + moves[:, 2]
    follows = (moves[1:, 1] == ends[:-1]) & (moves[1:, 0] == moves[:-1, 0])
    first = np.flatnonzero(np.concatenate([[True], ~follows]))
    last = np.append(first[1:], len(moves)) - 1
    uris = [task.origin.tar(snapshot, shard) for snapshot, shard in task.sources]
    return [
        Run(uri=uris[source], offset=start, size=end - start, target=target)
        for (source, start, _, target), end in zip(moves[first].tolist(), ends[last].tolist(), strict=True)
    ]


def _rows(table: pa.Table, offsets: NDArray[np.int64], task: CopyTask) -> pa.Table:
    """As they are in the new shard; nothing is said of media that were left behind."""
    columns: dict[str, Any] = {"source_row": pa.array(np.arange(task.first_row, task.first_row + len(table)))}
    for number, member in enumerate(MEMBERS):
        columns[f"{member}_offset"] = pa.array(offsets[:, number], mask=offsets[:, number] < 0)
    left = [part for part in _OF_MEDIA if task.only and part not in task.only]
    columns |= {name: pa.nulls(len(table), SIDECAR.field(name).type) for part in left for name in _OF_MEDIA[part]}
    for name, column in columns.items():
        table = table.set_column(table.schema.get_field_index(name), SIDECAR.field(name), column)
    return table


def _stats(table: pa.Table, start: float) -> Stats:
    """As packing counts; nothing fails here."""
    end = time.time()
    kinds = np.unique(modalities_of(members_of(table)[1]), return_counts=True)
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
        "n_by_parts": {"+".join(names_of(kind)): num for kind, num in zip(*(a.tolist() for a in kinds), strict=True)},
        "n_by_language": _counts(table["language"]),
        "n_by_license": _counts(table["license"]),
    }


def _counts(column: Any) -> dict[str, int]:
    return {one["values"]: one["counts"] for one in pc.value_counts(column).to_pylist()}
