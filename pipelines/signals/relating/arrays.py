"""Vectors of a user's own: .npy files, read without unpickling and mapped instead of loaded."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipelines import storage
from pipelines.errors import SignalError

Matrix = NDArray[np.float32]
_BLOCK_VALUES = 1 << 22
"""16 MB of float32 at a time."""


def open_array(path: str, *, embed_dim: int | None = None) -> NDArray[np.generic]:
    """(n, d) numbers, or (n,) whole numbers where no `embed_dim` is asked for."""
    try:
        array: NDArray[np.generic] = np.load(storage.local_path(path), mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise SignalError(
            f"{path}: not a readable .npy file ({error}). Save the array with numpy.save; a .pt file is read by torch "
            "first: numpy.save('vectors.npy', torch.load('vectors.pt')['image_features'].numpy())."
        ) from error
    is_matrix = array.ndim == 2 and np.issubdtype(array.dtype, np.floating) and len(array)
    if not is_matrix and (embed_dim is not None or array.ndim != 1 or not np.issubdtype(array.dtype, np.integer)):
        raise SignalError(f"{path}: {array.dtype} of shape {array.shape}, expected vectors: (n, d) floating numbers.")
    if embed_dim is not None and array.shape[1] != embed_dim:
        raise SignalError(
            f"{path}: vectors of {array.shape[1]} numbers, those of the samples have {embed_dim}. "
            "They must be of the same model; name its --embeddings."
        )
    return array


def blocks(array: NDArray[np.generic]) -> Iterator[tuple[int, Matrix]]:
    """(position of the first row, rows as float32), a few megabytes at a time."""
    rows = max(1, _BLOCK_VALUES // array.shape[1])
    for start in range(0, len(array), rows):
        yield start, np.asarray(array[start : start + rows], dtype=np.float32)


def unit(vectors: NDArray[np.generic]) -> Matrix:
    """Rows of length 1; zero stays zero."""
    rows = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths == 0, 1, lengths)).astype(np.float32, copy=False)
