"""Measure a snapshot: only the families and shards that are missing, each member decoded once for all that need it."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pipelines.errors import SignalError
from pipelines.layout import Layout
from pipelines.parallel import map_shards
from pipelines.samples import Modality, Snapshot
from pipelines.signals.audio import measure_clips
from pipelines.signals.files import Shards, open_shards, read_signals, write_signals
from pipelines.signals.fingerprints import hash_clips, hash_pictures, hash_texts
from pipelines.signals.image import measure_images
from pipelines.signals.members import Members, members_of, read_samples
from pipelines.signals.safety import measure_safety
from pipelines.signals.schema import FAMILIES, KNOWN_FAMILIES, Family, family_of
from pipelines.signals.text import Caption, measure_texts

__all__ = ["FamilyReport", "MeasureReport", "measure", "measure_shard", "read_signals"]

Measurer = Callable[[Sequence[Any]], Mapping[str, Any]]


def _hash_captions(captions: Sequence[Caption]) -> dict[str, Any]:
    return hash_texts([caption.text for caption in captions])


_MEASURERS: Mapping[Modality, Mapping[str, Measurer]] = {
    Modality.IMAGE: {"image": measure_images, "fingerprints": hash_pictures, "safety": measure_safety},
    Modality.TEXT: {"text": measure_texts, "fingerprints": _hash_captions},
    Modality.AUDIO: {"audio": measure_clips, "fingerprints": hash_clips},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class FamilyReport:
    """One family over one snapshot."""

    key: str
    num_samples: int
    num_shards_measured: int
    """By this call; 0 where everything was there."""
    seconds: float
    """Of all workers together, in this call; decoding counts for the first family that needed it."""
    digest: str
    """sha256 over the names and content of its files: the data version."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasureReport:
    """What is known of a snapshot, and what this call did for it."""

    snapshot: Snapshot
    num_samples: int
    num_shards: int
    families: Mapping[str, FamilyReport]
    """By name."""
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardTask:
    """The families that one shard lacks."""

    layout: Layout
    snapshot: Snapshot
    shard: int
    tar_sha256: str
    families: tuple[str, ...]


def measure(
    layout: Layout, snapshot: Snapshot, *, families: Sequence[str] = tuple(FAMILIES), num_workers: int = 2
) -> MeasureReport:
    """Write what is missing of (family, version, shard); what was finished before is not read again."""
    start = time.monotonic()
    if num_workers < 1:
        raise SignalError(f"num_workers = {num_workers}: expected 1 or more.")
    wanted = [family_of(name) for name in dict.fromkeys(families)]
    shards = open_shards(layout, snapshot)
    digests = {family.key: shards.recall(family.key) for family in wanted}
    missing = {family.name: shards.missing(family.key) for family in wanted if digests[family.key] is None}
    seconds = _measure_missing(shards, missing, num_workers)
    reports = {
        family.name: FamilyReport(
            key=family.key,
            num_samples=shards.num_samples,
            num_shards_measured=len(missing.get(family.name, ())),
            seconds=seconds[family.name],
            digest=digests[family.key] or shards.remember(family.key),
        )
        for family in wanted
    }
    return MeasureReport(
        snapshot=snapshot,
        num_samples=shards.num_samples,
        num_shards=len(shards.tars),
        families=reports,
        seconds=time.monotonic() - start,
    )


def _measure_missing(shards: Shards, missing: Mapping[str, Sequence[int]], num_workers: int) -> dict[str, float]:
    """Seconds by family name."""
    lacking: dict[int, list[str]] = defaultdict(list)
    for name, places in missing.items():
        for shard in places:
            lacking[shard].append(name)
    tasks = [
        ShardTask(
            layout=shards.layout,
            snapshot=shards.snapshot,
            shard=shard,
            tar_sha256=shards.tars[shard],
            families=tuple(names),
        )
        for shard, names in sorted(lacking.items())
    ]
    seconds: dict[str, float] = defaultdict(float)
    for spent in map_shards(measure_shard, tasks, num_workers=num_workers, what=f"measure {shards.snapshot}"):
        for name, value in spent.items():
            seconds[name] += value
    return seconds


def measure_shard(task: ShardTask) -> dict[str, float]:
    """Write the families of one shard; returns the seconds spent on each."""
    samples = read_samples(task.layout, task.snapshot, task.shard)
    tar = task.layout.tar(task.snapshot, task.shard)
    seconds = dict.fromkeys(task.families, 0.0)
    measured: dict[str, dict[str, pa.Array[Any]]] = {name: {} for name in task.families}
    for modality, measurers in _MEASURERS.items():
        needed = {name: measurer for name, measurer in measurers.items() if name in task.families}
        if needed:
            _measure_members(members_of(samples, modality, tar=tar), needed, measured, seconds)
    for name, arrays in measured.items():
        family = KNOWN_FAMILIES[name]
        uri = task.layout.signal(family.key, task.snapshot, task.shard)
        write_signals(uri, _table(family, samples, arrays), tar_sha256=task.tar_sha256)
    return seconds


def _measure_members(
    members: Members,
    measurers: Mapping[str, Measurer],
    measured: Mapping[str, dict[str, "pa.Array[Any]"]],
    seconds: dict[str, float],
) -> None:
    """Fill `measured` with one value per sample, from one value per different member."""
    parts: dict[tuple[str, str], list[pa.Array[Any]]] = defaultdict(list)
    lap = time.monotonic()
    for batch in members.batches():
        for name, measurer in measurers.items():
            types = {column.name: column.type for column in KNOWN_FAMILIES[name].columns}
            for column, values in measurer(batch).items():
                parts[name, column].append(pa.array(values, type=types[column]))
            seconds[name] += (now := time.monotonic()) - lap
            lap = now
    of_sample = pa.array(members.of_sample, type=pa.int64(), mask=members.of_sample < 0)
    for (name, column), arrays in parts.items():
        measured[name][column] = pa.concat_arrays(arrays).take(of_sample)


def _table(family: Family, samples: pa.Table, arrays: Mapping[str, "pa.Array[Any]"]) -> pa.Table:
    """A modality that no sample of the shard has gives no array, so its columns are null."""
    nulls = pa.nulls(samples.num_rows)
    columns = [arrays.get(column.name, nulls).cast(column.type) for column in family.columns]
    return pa.Table.from_arrays([samples["uid"].combine_chunks(), *columns], schema=family.arrow)
