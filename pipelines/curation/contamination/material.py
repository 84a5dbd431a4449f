"""What is compared of samples: digests, texts, fingerprints, vectors; shard after shard, so that memory is bounded."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import storage
from pipelines.curation.splits import Split, split_column
from pipelines.errors import SignalError
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.reading import read_sidecar
from pipelines.shards.sidecar import SUCCESS
from pipelines.shards.snapshots import num_shards
from pipelines.signals.schema import EMBEDDINGS, FAMILIES

FINGERPRINTS = FAMILIES["fingerprints"].key
DIGESTS = ("sha256", "sha256_stored", "image_sha256", "audio_sha256")
_FINGERPRINTS = FAMILIES["fingerprints"].arrow
_PRINTS = pa.schema(
    [_FINGERPRINTS.field(name) for name in ("uid", "image_phash", "image_colours", "audio_fingerprint")]
)
_VECTORS = pa.schema([field for field in EMBEDDINGS if field.name != "english_vector"])
_RECORDS = ["uid", "status", "group", "language", "voice", "caption", "captions", "texts", *DIGESTS]


def candidates(
    layout: Layout, snapshot: Snapshot, vectors: str | None, *, allow_not_measured: bool = False
) -> Iterator[pa.Table]:
    """The samples of a snapshot that may be trained on, a table for each shard."""
    for table in _shards(layout, snapshot, vectors, allow_missing=allow_not_measured):
        split = split_column(table["group"], table["language"], table["voice"])
        yield table.filter(pc.equal(split, pa.scalar(str(Split.TRAIN))))


def evaluation_samples(layout: Layout, snapshot: Snapshot, uids: pa.Table, vectors: str | None) -> Iterator[pa.Table]:
    """The same of those named (column `uid`)."""
    wanted = uids["uid"].combine_chunks()
    for table in _shards(layout, snapshot, vectors, allow_missing=False):
        yield table.filter(pc.is_in(table["uid"], value_set=wanted))


def _shards(layout: Layout, snapshot: Snapshot, vectors: str | None, *, allow_missing: bool) -> Iterator[pa.Table]:
    for shard in range(num_shards(layout, snapshot)):
        table = read_sidecar(layout, snapshot, shard, _RECORDS).filter(pc.field("status") == SUCCESS)
        table = _joined(table, layout.signal(FINGERPRINTS, snapshot, shard), _PRINTS, allow_missing=allow_missing)
        if vectors:
            table = _joined(table, layout.signal(vectors, snapshot, shard), _VECTORS, allow_missing=allow_missing)
        yield table


def _joined(table: pa.Table, uri: str, schema: pa.Schema, *, allow_missing: bool) -> pa.Table:
    """With columns of a signal file, by uid; null where it has no row."""
    if storage.exists(uri):
        signals = storage.read_table(uri, schema.names)
    elif allow_missing:
        signals = schema.empty_table()
    else:
        raise SignalError(
            f"{uri}: not there, so nothing can be compared with these samples. Run: python -m pipelines measure, or "
            "python -m mmmodels score where it is of a model."
        )
    row: Any = pc.index_in(table["uid"], value_set=signals["uid"].combine_chunks())
    for name in schema.names[1:]:
        table = table.append_column(name, signals[name].combine_chunks().take(row.combine_chunks()))
    return table


def texts_of(table: pa.Table) -> tuple[list[str], list[int]]:
    """Every text of the samples, whatever its language, each once for a sample; and the row of each."""
    found, rows = [], []
    columns = (table[name].to_pylist() for name in ("caption", "captions", "texts"))
    for row, (caption, captions, texts) in enumerate(zip(*columns, strict=True)):
        several = dict.fromkeys([caption, *(captions or ()), *(text for _, text in texts or ())])
        for text in several:
            if text:
                found.append(text)
                rows.append(row)
    return found, rows


def rows_with(table: pa.Table, column: str) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """Where the column is not null."""
    rows: np.ndarray[Any, np.dtype[np.int64]] = np.flatnonzero(table[column].is_valid().to_numpy()).astype(np.int64)
    return rows
