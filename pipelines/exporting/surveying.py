"""Where the chosen samples lie, as the sidecars say; no tar is opened."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.errors import ShardError
from pipelines.exporting.selecting import NO_SPLIT, Kept, Selection, uids_of
from pipelines.layout import Layout
from pipelines.parallel import map_shards
from pipelines.samples import Modality, Snapshot
from pipelines.shards.places import COLUMNS, places_of
from pipelines.shards.reading import read_sidecar
from pipelines.shards.sidecar import MEMBERS, SUCCESS
from pipelines.shards.tar import BLOCK_BYTES

_FAR = np.iinfo(np.int64).max


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """The chosen samples of one shard or of many, in the order of their tars: 30 bytes each."""

    source: NDArray[np.int32]
    """Position of the shard in the selection's list."""
    row: NDArray[np.int32]
    """Of the sidecar, which also has rows of failures."""
    num_bytes: NDArray[np.int64]
    """Headers and filling included."""
    parts: NDArray[np.uint8]
    """A bit for each `Modality`."""
    draw: NDArray[np.uint64]
    """Evenly distributed, always the same for one uid."""
    split: NDArray[np.uint8]
    """Position in `Split`, or NO_SPLIT."""
    weight: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.row)


def survey(selection: Selection, *, num_workers: int) -> Found:
    """All samples of a selection; `ShardError` where a shard does not hold what the view keeps of it."""
    tasks = [
        _Task(
            layout=selection.layout,
            snapshot=selection.snapshots[part],
            shard=shard,
            source=source,
            kept=selection.kept.of_shard(part, shard) if selection.kept else None,
        )
        for source, (part, shard) in enumerate(selection.shards())
    ]
    tasks = [task for task in tasks if task.kept is None or len(task.kept)]
    found = map_shards(_survey_shard, tasks, num_workers=num_workers, what=f"look up {selection.target}")
    return Found(**{name: np.concatenate([getattr(one, name) for one in found]) for name in Found.__slots__})


@dataclass(frozen=True, kw_only=True, slots=True)
class _Task:
    layout: Layout
    snapshot: Snapshot
    shard: int
    source: int
    kept: Kept | None

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
    starts, ends = extents(samples, str(task))
    order = np.argsort(starts, kind="stable")
    uids = uids_of(samples)
    return Found(
        source=np.full(len(row), task.source, np.int32),
        row=row[order],
        num_bytes=(ends - starts)[order],
        parts=_parts(samples)[order],
        draw=np.frombuffer(uids.tobytes(), ">u8").reshape(-1, 2)[:, 1].astype(np.uint64)[order],
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


def extents(samples: pa.Table, sidecar: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(first byte of its first header, byte behind its filling) of each sample of a tar; `ShardError` where the members
    of one do not follow each other."""
    places = places_of(samples)
    there = places.offsets >= 0
    padded = places.sizes + -places.sizes % BLOCK_BYTES
    starts = np.where(there, places.offsets - BLOCK_BYTES, _FAR).min(axis=1, initial=_FAR)
    ends = np.where(there, places.offsets + padded, 0).max(axis=1, initial=0)
    if not np.array_equal(ends - starts, np.where(there, BLOCK_BYTES + padded, 0).sum(axis=1)):
        raise ShardError(f"{sidecar}: the members of a sample do not follow each other. Pack that snapshot again.")
    return starts, ends


def _parts(samples: pa.Table) -> NDArray[np.uint8]:
    """Bits in the order of `Modality`."""
    offsets = places_of(samples).offsets
    bits = np.zeros(len(samples), np.uint8)
    for bit, part in enumerate(Modality):
        bits |= (offsets[:, MEMBERS.index(part)] >= 0).astype(np.uint8) << np.uint8(bit)
    return bits


def names_of(parts: int) -> tuple[str, ...]:
    """The modalities that bits stand for."""
    return tuple(str(part) for bit, part in enumerate(Modality) if parts >> bit & 1)
