"""Where the chosen samples lie, as the sidecars say; no tar is opened."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.errors import ShardError
from pipelines.exporting.kept import NO_SPLIT, Kept, uids_of
from pipelines.exporting.members import members_of, modalities_of
from pipelines.layout import Layout
from pipelines.parallel import map_shards
from pipelines.samples import Snapshot
from pipelines.shards.places import COLUMNS
from pipelines.shards.reading import read_sidecar
from pipelines.shards.sidecar import SUCCESS

if TYPE_CHECKING:
    from pipelines.exporting.selecting import Selection  # a worker that looks up samples needs no curation

_SHARDS_ALONE = 100
"""So many sidecars are read before a process would have started."""
_FAR = np.iinfo(np.int64).max


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """The chosen samples of one shard or of many, in the order of their tars: 38 bytes each."""

    source: NDArray[np.int32]
    """Position of the shard in the selection's list."""
    row: NDArray[np.int32]
    """Of the sidecar, which also has rows of failures."""
    num_bytes: NDArray[np.int64]
    """Headers and filling included."""
    parts: NDArray[np.uint8]
    """A bit for each `Modality`."""
    head: NDArray[np.uint64]
    draw: NDArray[np.uint64]
    """The two halves of the uid; the second serves as a number drawn for it, evenly distributed."""
    split: NDArray[np.uint8]
    """Position in `Split`, or NO_SPLIT."""
    weight: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.row)


def survey(selection: "Selection", *, only: tuple[str, ...] = (), num_workers: int) -> Found:
    """All samples of a selection, as if they had no members but those of the modalities in `only`.

    `ShardError` where a shard does not hold what the view keeps of it.
    """
    tasks = [
        _Task(
            layout=selection.layout,
            snapshot=selection.snapshots[part],
            shard=shard,
            source=source,
            kept=None if selection.kept is None else selection.kept.of_shard(part, shard),
            only=only,
        )
        for source, (part, shard) in enumerate(selection.shards())
    ]
    tasks = [task for task in tasks if task.kept is None or len(task.kept)]
    num_workers = num_workers if len(tasks) > _SHARDS_ALONE else 1
    found = map_shards(_survey_shard, tasks, num_workers=num_workers, what=f"look up {selection.target}")
    return Found(**{name: np.concatenate([getattr(one, name) for one in found]) for name in Found.__slots__})


@dataclass(frozen=True, kw_only=True, slots=True)
class _Task:
    layout: Layout
    snapshot: Snapshot
    shard: int
    source: int
    kept: Kept | None
    only: tuple[str, ...]

    def __str__(self) -> str:
        return self.layout.sidecar(self.snapshot, self.shard)


def _survey_shard(task: _Task) -> Found:
    table = read_sidecar(task.layout, task.snapshot, task.shard, ["uid", "status", *COLUMNS])
    row = np.flatnonzero(pc.equal(table["status"], pa.scalar(SUCCESS)).to_numpy()).astype(np.int32)
    split, weight = np.full(len(row), NO_SPLIT, np.uint8), np.ones(len(row), np.float32)
    samples = table.take(row)
    if task.kept is not None:
        chosen, position = _positions(task, task.kept, uids_of(samples))
        row, samples = row[chosen], samples.take(chosen)
        split, weight = task.kept.split[position], task.kept.weight[position]
    starts, sizes = members_of(samples, task.only)
    order = np.argsort(np.where(sizes, starts, _FAR).min(axis=1, initial=_FAR), kind="stable")
    uids = np.frombuffer(uids_of(samples).tobytes(), ">u8").reshape(-1, 2).astype(np.uint64)
    return Found(
        source=np.full(len(row), task.source, np.int32),
        row=row[order],
        num_bytes=sizes.sum(axis=1)[order],
        parts=modalities_of(sizes)[order],
        head=uids[order, 0],
        draw=uids[order, 1],
        split=split[order],
        weight=weight[order],
    )


def _positions(task: _Task, kept: Kept, uids: NDArray[np.void]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(samples that are kept, where each stands in `kept`)."""
    position_of = {uid: position for position, uid in enumerate(kept.uids.tolist())}
    pairs = [(at, position_of[uid]) for at, uid in enumerate(uids.tolist()) if uid in position_of]
    if len(pairs) != len(kept):
        raise ShardError(
            f"{task}: holds {len(pairs)} of the {len(kept)} samples that the view keeps of it. Its shards were packed "
            "again since: curate the view again."
        )
    chosen = np.array(pairs, np.int64).reshape(-1, 2)
    return chosen[:, 0], chosen[:, 1]
