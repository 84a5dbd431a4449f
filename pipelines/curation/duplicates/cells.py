"""K-means on unit vectors in bounded memory, and all similar pairs inside each cell (SemDeDup, Abbas et al. 2023).

Plain NumPy: assigning and comparing are matrix products, which BLAS does as fast here as a vector library would.
Beside the paper every vector is also looked at in its second nearest cell, for two near vectors may lie on both sides
of a border: of the near pairs that one cell misses, two find most.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from pipelines.curation.runs import Ends, mixed

_SAMPLES_PER_CELL = 128
_ITERATIONS = 10
_CELLS_OF_EACH = 2
_ROWS_AT_ONCE = 1 << 14
_PRODUCTS_AT_ONCE = 1 << 23  # 32 MB

Vectors = NDArray[np.float16]
Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Cells:
    """The nearest cells of every vector, nearest first."""

    nearest: NDArray[np.int32]
    """(n, 2), or (n, 1) where there is one cell."""
    similarity: Floats
    """(n,): cosine to the centre of the nearest."""


def find_cells(vectors: Vectors, num_cells: int) -> Cells:
    """Spherical k-means on a sample, then every vector to its nearest centres; the same for the same vectors.

    `num_cells` of 0: the square root of twice the number of vectors, where assigning costs as much as comparing.
    """
    number = min(num_cells or max(1, round(sqrt(2 * len(vectors)))), max(1, len(vectors)))
    centres = _centres(vectors, number)
    of_each = min(_CELLS_OF_EACH, number)
    nearest = np.zeros((len(vectors), of_each), dtype=np.int32)
    similarity = np.zeros(len(vectors), dtype=np.float32)
    for start, products in _products(vectors, centres):
        part = slice(start, start + len(products))
        for place in range(of_each):
            best = products.argmax(axis=1)
            if place == 0:
                similarity[part] = products[np.arange(len(products)), best]
            nearest[part, place] = best
            products[np.arange(len(products)), best] = -np.inf
    return Cells(nearest=nearest, similarity=similarity)


def similar_pairs(vectors: Vectors, cells: Cells, min_similarity: float) -> Iterator[Ends]:
    """Links of vectors that share a cell and whose cosine is at least that; equal ones each with the first."""
    firsts, first, copies = _distinct(vectors)
    yield first, copies
    of_each = cells.nearest.shape[1]
    member = np.repeat(firsts, of_each)
    cell = cells.nearest[firsts].ravel()
    order = np.lexsort((member, cell))
    member, cell = member[order], cell[order]
    edges = np.flatnonzero(np.r_[True, cell[1:] != cell[:-1], True]) if len(cell) else np.zeros(0, dtype=np.int64)
    for begin, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        yield from _pairs_among(vectors, member[begin:end], min_similarity)


def cosines(vectors: Vectors, first: NDArray[np.int64], second: NDArray[np.int64]) -> Floats:
    """Pair by pair."""
    found: Floats = np.einsum("nd,nd->n", _unit(vectors[first]), _unit(vectors[second]))
    return found


def _pairs_among(vectors: Vectors, members: NDArray[np.int64], min_similarity: float) -> Iterator[Ends]:
    """A strip of the triangle at a time."""
    inside = _unit(vectors[members])
    at_once = max(1, _PRODUCTS_AT_ONCE // len(members))
    for start in range(0, len(members), at_once):
        strip = inside[start : start + at_once]
        left, right = np.nonzero(strip @ inside[start:].T >= min_similarity)
        later = left < right
        yield members[start + left[later]], members[start + right[later]]


def _centres(vectors: Vectors, number: int) -> Floats:
    """(number, d) unit vectors. An empty cell keeps its centre: a cell more or less does no harm."""
    rng = np.random.default_rng(0)
    rows = np.sort(rng.choice(len(vectors), min(len(vectors), _SAMPLES_PER_CELL * number), replace=False))
    sample = vectors[rows]
    centres = _unit(sample[np.sort(rng.choice(len(sample), number, replace=False))]) if number else _unit(sample)
    for _ in range(_ITERATIONS if number > 1 else 0):
        sums = np.zeros_like(centres, dtype=np.float64)
        for start, products in _products(sample, centres):
            nearest = products.argmax(axis=1)
            part = _unit(sample[start : start + len(products)])
            order = np.argsort(nearest, kind="stable")
            cells, begin = np.unique(nearest[order], return_index=True)
            sums[cells] += np.add.reduceat(part[order], begin, axis=0)
        there = np.linalg.norm(sums, axis=1) > 0
        centres[there] = _unit(sums[there])
    return centres


def _products(vectors: Vectors, centres: Floats) -> Iterator[tuple[int, Floats]]:
    """(first row, cosines with all centres), a piece at a time."""
    at_once = max(1, min(_ROWS_AT_ONCE, _PRODUCTS_AT_ONCE // max(1, len(centres))))
    for start in range(0, len(vectors), at_once):
        yield start, _unit(vectors[start : start + at_once]) @ centres.T


def _unit(vectors: NDArray[np.floating]) -> Floats:
    """Of length 1 again: half precision moves a length by up to a thousandth."""
    wide: Floats = vectors.astype(np.float32)
    wide /= np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)
    return wide


def _distinct(vectors: Vectors) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Rows that are the first of their kind, ascending; and of every copy (its first, itself)."""
    codes = np.zeros(len(vectors), dtype=np.uint64)
    for start in range(0, len(vectors), _ROWS_AT_ONCE):
        part = np.ascontiguousarray(vectors[start : start + _ROWS_AT_ONCE]).view(np.uint16).astype(np.uint64)
        code = codes[start : start + len(part)]
        for column in part.T:
            code[:] = mixed(code ^ column) + np.uint64(1)
    _, first, which = np.unique(codes, return_index=True, return_inverse=True)
    copies = np.flatnonzero(first[which] != np.arange(len(codes)))
    return np.sort(first), first[which[copies]], copies
