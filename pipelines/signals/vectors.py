"""Stored vectors back as arrays: shard by shard, or all of them mapped from disk; memory does not grow with them."""

import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines import storage
from pipelines.errors import SignalError
from pipelines.layout import Layout
from pipelines.samples import Modality, Snapshot
from pipelines.shards.snapshots import num_shards
from pipelines.signals.embeddings import DIMENSIONS, FOLDS
from pipelines.signals.files import read_facts


def read_vectors(
    layout: Layout, snapshot: Snapshot, key: str, modality: Modality, *, fold: int | None = None
) -> tuple["pa.ChunkedArray[Any]", NDArray[np.float16]]:
    """(uids, (n, d) float16), in source order, of the samples that have a vector; the array is mapped from a file.

    The file has no name any more and goes with the array. `key` is `embeddings@<12 digits of the model>`; of a
    cross-fitted one a `fold` must be named, for its halves are not in one space.
    """
    uids, dim, folder = [], 0, _folder_beside(layout)
    with tempfile.TemporaryFile(dir=folder) as file:
        for names, vectors in iterate_vectors(layout, snapshot, key, modality, fold=fold):
            uids.append(names)
            dim = vectors.shape[1]
            file.write(vectors.tobytes())
        file.flush()
        num_rows = sum(map(len, uids))
        if not num_rows:
            return pa.chunked_array(uids, pa.string()), np.empty((0, dim), dtype=np.float16)
        return pa.chunked_array(uids, pa.string()), np.memmap(file, np.float16, mode="r", shape=(num_rows, dim))


def iterate_vectors(
    layout: Layout, snapshot: Snapshot, key: str, modality: Modality, *, fold: int | None = None
) -> Iterator[tuple["pa.Array[Any]", NDArray[np.float16]]]:
    """The same, one pair for each shard."""
    for shard in range(num_shards(layout, snapshot)):
        yield shard_vectors(layout.signal(key, snapshot, shard), modality, fold=fold)


def shard_vectors(
    uri: str, modality: Modality, *, fold: int | None = None
) -> tuple["pa.Array[Any]", NDArray[np.float16]]:
    """The same, of one file of a family."""
    table, dim = _read(uri, f"{modality}_vector", fold)
    flat = pc.list_flatten(table[f"{modality}_vector"]).to_numpy()
    return table["uid"].combine_chunks(), flat.reshape(len(table), dim)


def _read(uri: str, column: str, fold: int | None) -> tuple[pa.Table, int]:
    """uid and the column, where it is not null; and the length of a vector."""
    if not storage.exists(uri):
        raise SignalError(f"{uri}: no vectors of this model. Run: python -m mmmodels score MODEL --root ROOT")
    facts = read_facts(uri)
    if FOLDS in facts and fold is None:
        raise SignalError(
            f"{uri}: vectors of two cross-fitted models, whose spaces differ. Read one fold at a time: fold=0, fold=1."
        )
    table = storage.read_table(uri, ["uid", column, "scoring_fold"])
    wanted = table[column].is_valid().to_numpy()
    if fold is not None:
        wanted &= table["scoring_fold"].to_numpy() == fold  # null is NaN
    return table.filter(pa.array(wanted)), int(facts[DIMENSIONS])


def _folder_beside(layout: Layout) -> str | None:
    """The cache of a local root, which has room for data where a temporary folder may be memory."""
    if not storage.is_local(layout.root):
        return None
    folder = storage.local_path(layout.cache("vectors"))
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder)
