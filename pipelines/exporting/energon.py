"""For Megatron-Energon: what `energon prepare` would write beside the shards, from the sidecars alone.

Two datasets in one folder: `dataset.yaml` with `split.yaml` yields every sample as it is (CrudeWebdataset),
`captioning.yaml` with `captioning_split.yaml` the pairs of picture and caption (CaptioningSample; it would stop
after a hundred samples in a row that lack one of them, so these are excluded by name).
"""

import json
import sqlite3
import uuid
from collections.abc import Iterable, Mapping
from contextlib import closing

import numpy as np

from pipelines import storage
from pipelines.errors import ShardError
from pipelines.exporting.handing import Handing, Result
from pipelines.exporting.packed import PackedShard, packed_shards
from pipelines.exporting.selecting import Selection
from pipelines.samples import digest_of
from pipelines.shards.snapshots import snapshot_digest

ENERGON_VERSION = "7.4.1"
"""Whose format this is."""
_CRUDE = {"__module__": "megatron.energon", "__class__": "CrudeWebdataset"}
_CAPTIONING = {
    "sample_type": {"__module__": "megatron.energon", "__class__": "CaptioningSample"},
    "field_map": {"image": "jpg,png,webp", "caption": "txt"},
}
_TABLES = """
CREATE TABLE samples (
  tar_file_id INTEGER NOT NULL, sample_key TEXT NOT NULL UNIQUE, sample_index INTEGER NOT NULL,
  byte_offset INTEGER, byte_size INTEGER);
CREATE TABLE sample_parts (
  tar_file_id INTEGER, sample_index INTEGER, part_name TEXT, content_byte_offset INTEGER, content_byte_size INTEGER);
"""
_INDEXES = """
CREATE INDEX idx_samples_by_tar_and_idx ON samples(tar_file_id, sample_index);
CREATE INDEX idx_sample_parts_seq ON sample_parts(tar_file_id, sample_index, content_byte_offset);
CREATE INDEX idx_sample_parts_full
  ON sample_parts(tar_file_id, sample_index, part_name, content_byte_offset, content_byte_size);
"""


def export_energon(handing: Handing) -> Result:
    """Shards with their `.tar.idx`, and `.nv-meta`; a view's other samples are excluded by name."""
    selection, output = handing.selection, handing.output
    counts: dict[str, int] = {}
    num_dropped = 0
    crude: list[str] = []
    captioning: list[str] = []
    meta = f"{output}/.nv-meta"
    with storage.replacing(f"{meta}/index.sqlite") as path, closing(sqlite3.connect(path)) as database:
        database.executescript(_TABLES)
        for number, shard in enumerate(packed_shards(selection)):
            storage.same_file(shard.uri, f"{output}/{shard.name}")
            starts = [*(sample.start for sample in shard.samples), shard.end]
            storage.write_atomic(f"{output}/{shard.name}.idx", np.array(starts, dtype="<u8").tobytes())
            _index(database, number, shard, starts)
            counts[shard.name] = len(shard.samples)
            dropped = {sample.uid for sample in shard.samples if not sample.is_kept}
            num_dropped += len(dropped)
            crude += _excluded(shard, dropped)
            captioning += _excluded(shard, dropped | {s.uid for s in shard.samples if not s.has("image", "text")})
        database.executescript(_INDEXES)
        database.commit()
    if not counts:
        raise ShardError(f"{selection.name}: holds no sample, so there is nothing to hand over. Name another view.")
    _write_meta(meta, selection, counts, {"": crude, "captioning_": captioning})
    num_samples = sum(counts.values()) - num_dropped
    return {"num_samples": num_samples, "num_shards": len(counts), "num_excluded": num_dropped}


def _index(database: sqlite3.Connection, number: int, shard: PackedShard, starts: list[int]) -> None:
    samples = [
        (number, sample.uid, index, sample.start, starts[index + 1] - sample.start)
        for index, sample in enumerate(shard.samples)
    ]
    parts = [
        (number, index, member.extension, member.offset, member.size)
        for index, sample in enumerate(shard.samples)
        for member in sample.members
    ]
    try:
        database.executemany("INSERT INTO samples VALUES (?, ?, ?, ?, ?)", samples)
    except sqlite3.IntegrityError as error:
        raise ShardError(
            f"{shard.uri}: holds a uid that an earlier shard holds too, which energon refuses. Export with --format "
            "shards, then these as energon."
        ) from error
    database.executemany("INSERT INTO sample_parts VALUES (?, ?, ?, ?, ?)", parts)


def _excluded(shard: PackedShard, dropped: set[str]) -> Iterable[str]:
    """A shard of which nothing is left is excluded as a whole: energon refuses to find nothing in one."""
    if len(dropped) == len(shard.samples):
        return [shard.name]
    return [f"{shard.name}/{sample.uid}" for sample in shard.samples if sample.uid in dropped]


def _write_meta(meta: str, selection: Selection, counts: Mapping[str, int], excluded: Mapping[str, list[str]]) -> None:
    """JSON is YAML too, and energon reads it as such."""
    storage.write_json(f"{meta}/dataset.yaml", _CRUDE)
    storage.write_json(f"{meta}/captioning.yaml", _CAPTIONING)
    for prefix, names in excluded.items():
        parts = {"train": list(counts), "val": [], "test": []}
        storage.write_json(f"{meta}/{prefix}split.yaml", {"split_parts": parts, "exclude": names})
    digest = digest_of([*(snapshot_digest(selection.layout, one) for one in selection.snapshots), ENERGON_VERSION])
    storage.write_atomic(f"{meta}/index.uuid", str(uuid.UUID(digest[:32], version=4)).encode())
    info = {"energon_version": ENERGON_VERSION, "shard_counts": dict(counts)}
    storage.write_atomic(f"{meta}/.info.json", json.dumps(info, indent=2).encode())
