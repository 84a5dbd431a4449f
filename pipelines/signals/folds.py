"""Two halves of a corpus, by group: what cross-fitting trains on one of, to judge the other."""

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

if TYPE_CHECKING:
    Column = pa.Array[Any] | pa.ChunkedArray[Any]

NUM_FOLDS = 2


def fold_of(group: str) -> int:
    """0 or 1; the same in every snapshot, and unrelated to what evaluation holds out."""
    return hashlib.sha256(f"fold\0{group}".encode()).digest()[0] % NUM_FOLDS


def fold_column(groups: "Column") -> NDArray[np.int8]:
    """`fold_of` for a column (null counts as empty); each distinct group is hashed once."""
    flat = groups.combine_chunks() if isinstance(groups, pa.ChunkedArray) else groups
    encoded = flat.dictionary_encode(null_encoding="encode")
    folds = np.array([fold_of(name or "") for name in encoded.dictionary.to_pylist()], dtype=np.int8)
    return folds[encoded.indices.to_numpy()] if len(flat) else np.empty(0, dtype=np.int8)
