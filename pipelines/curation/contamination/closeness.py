"""Samples of an evaluation set whose vector is close: one matrix product a block, so that memory is bounded."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.curation.contamination.pictures import Hits

_ROWS_AT_ONCE = 4096


class VectorLibrary:
    """Unit vectors of one modality, with the fold of the model that made each: vectors of two models do not compare."""

    def __init__(self, vectors: NDArray[np.float32], folds: NDArray[np.int64]) -> None:
        self._vectors, self._folds = vectors, folds

    def find(self, vectors: NDArray[np.float32], folds: NDArray[np.int64], *, min_similarity: float) -> Hits:
        """Pairs of one model whose cosine is at least the limit."""
        queries, places, similarities = [], [], []
        for start in range(0, len(self._vectors) if len(vectors) else 0, _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            cosine = vectors @ self._vectors[part].T
            near = (cosine >= min_similarity) & (folds[:, None] == self._folds[part])
            query, place = np.nonzero(near)
            queries.append(query.astype(np.int64))
            places.append((place + start).astype(np.int64))
            similarities.append(cosine[near].astype(np.float32))
        if not queries:
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32)
        return np.concatenate(queries), np.concatenate(places), np.concatenate(similarities)


def vectors_of(table: pa.Table, modality: str) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]:
    """(rows that have one, their vectors made exact units, their folds)."""
    column: Any = table[f"{modality}_vector"].combine_chunks()
    rows = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False)).astype(np.int64)
    flat = pc.list_flatten(column).to_numpy(zero_copy_only=False).astype(np.float32)
    vectors = flat.reshape(len(rows), -1 if len(rows) else 0)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    known: Any = table["scoring_fold"].cast(pa.int64())
    folds = pc.fill_null(known, -1).to_numpy()[rows]
    return rows, vectors / np.maximum(length, np.float32(1e-12)), folds.astype(np.int64)
