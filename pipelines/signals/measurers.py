"""Measure one shard: each member decoded once for all the families that need it. This is what a worker runs."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from pipelines import storage
from pipelines.samples import Modality
from pipelines.signals.audio import measure_clips
from pipelines.signals.files import write_signals
from pipelines.signals.fingerprints import hash_clips, hash_pictures, hash_texts
from pipelines.signals.image import measure_images
from pipelines.signals.members import Members, members_of, read_samples
from pipelines.signals.safety import measure_safety
from pipelines.signals.schema import KNOWN_FAMILIES, Family
from pipelines.signals.speech import measure_speech
from pipelines.signals.speech_quality import measure_speech_quality
from pipelines.signals.tasks import Measured, ShardTask
from pipelines.signals.text import Caption, measure_texts

Measurer = Callable[[Sequence[Any]], Mapping[str, Any]]


def _hash_captions(captions: Sequence[Caption]) -> dict[str, Any]:
    return hash_texts([caption.text for caption in captions])


MEASURERS: Mapping[Modality, Mapping[str, Measurer]] = {
    Modality.IMAGE: {"image": measure_images, "fingerprints": hash_pictures, "safety": measure_safety},
    Modality.TEXT: {"text": measure_texts, "fingerprints": _hash_captions},
    Modality.AUDIO: {
        "audio": measure_clips,
        "fingerprints": hash_clips,
        "speech": measure_speech,
        "speech_quality": measure_speech_quality,
    },
}


def measure_shard(task: ShardTask) -> dict[str, Measured]:
    """Write the families of one shard; by name."""
    samples = read_samples(task.layout, task.snapshot, task.shard)
    tar = task.layout.tar(task.snapshot, task.shard)
    seconds = dict.fromkeys(task.families, 0.0)
    measured: dict[str, dict[str, pa.Array[Any]]] = {name: {} for name in task.families}
    for modality, measurers in MEASURERS.items():
        needed = {name: measurer for name, measurer in measurers.items() if name in task.families}
        if needed:
            _measure_members(members_of(samples, modality, tar=tar), needed, measured, seconds)
    found: dict[str, Measured] = {}
    for name, arrays in measured.items():
        family = KNOWN_FAMILIES[name]
        uri = task.layout.signal(family.key, task.snapshot, task.shard)
        write_signals(uri, _table(family, samples, arrays), tar_sha256=task.tar_sha256)
        found[name] = Measured(
            num_samples=samples.num_rows, seconds=seconds[name], file_sha256=storage.file_sha256(uri)
        )
    return found


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
