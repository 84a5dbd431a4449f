"""Pictures of an evaluation set that a picture to train on is a version of: by perceptual hash, then by colours."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.curation.hamming import distances

Hits = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]
"""Position among the queries, position in the library, similarity; sorted by the first two."""
_BITS = 64
_PAIRS_AT_ONCE = 1 << 18  # of 192 colours each: bounds the memory
_GAINS = (0.7, 1.4)


class PictureLibrary:
    """Hashes in bands: of two that differ in d bits one of d + 1 bands is equal (Norouzi et al. 2012)."""

    def __init__(self, hashes: NDArray[np.uint64], colours: NDArray[np.uint8], *, max_distance: int) -> None:
        self._hashes, self._colours, self._max_distance = hashes, colours, max_distance
        edges = [round(_BITS * band / (max_distance + 1)) for band in range(max_distance + 2)]
        self._masks = [np.uint64((1 << high) - (1 << low)) for low, high in pairwise(edges)]
        self._orders = [np.argsort(hashes & mask, kind="stable") for mask in self._masks]
        self._bands = [(hashes & mask)[order] for mask, order in zip(self._masks, self._orders, strict=True)]

    def find(self, hashes: NDArray[np.uint64], colours: NDArray[np.uint8], *, max_difference: float) -> Hits:
        """Pairs whose hashes differ in few bits and whose colours, (n, 192), agree up to a gain."""
        found: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]] = []
        for query, place in self._near(hashes):
            bits = distances(hashes[query], self._hashes[place])
            alike = colour_differences(colours[query], self._colours[place]) <= max_difference
            similarity = (1 - bits[alike] / _BITS).astype(np.float32)
            found.append((query[alike], place[alike], similarity))
        return _united(found)

    def _near(self, hashes: NDArray[np.uint64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        for mask, order, band in zip(self._masks, self._orders, self._bands, strict=True):
            wanted = hashes & mask
            low = np.searchsorted(band, wanted, side="left")
            counts = np.searchsorted(band, wanted, side="right") - low
            for query, place in expanded(low, counts):
                position = order[place]
                near = distances(hashes[query], self._hashes[position]) <= self._max_distance
                yield query[near], position[near]


def expanded(
    low: NDArray[np.int64], counts: NDArray[np.int64], *, at_once: int = _PAIRS_AT_ONCE
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(query, place) for every place in the range of each query, some at a time however long one range is."""
    total = np.cumsum(counts)
    for start in range(0, int(total[-1]) if len(total) else 0, at_once):
        flat = np.arange(start, min(start + at_once, int(total[-1])))
        query = np.searchsorted(total, flat, side="right")
        yield query.astype(np.int64), (low[query] + flat - (total[query] - counts[query])).astype(np.int64)


def colour_differences(ours: NDArray[np.uint8], theirs: NDArray[np.uint8]) -> NDArray[np.float64]:
    """`signals.matching.colour_difference` of each pair of rows."""
    left, right = ours.astype(np.float64), theirs.astype(np.float64)
    gain = np.clip((left * right).sum(axis=1) / np.maximum(1.0, (left * left).sum(axis=1)), *_GAINS)
    found: NDArray[np.float64] = np.sqrt(np.mean((gain[:, None] * left - right) ** 2, axis=1))
    return found


def _united(found: list[Any]) -> Hits:
    """Each pair once: two hashes may agree in several bands."""
    if not found:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32)
    query, place, similarity = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.lexsort((place, query))
    query, place, similarity = query[order], place[order], similarity[order]
    first = np.r_[True, (query[1:] != query[:-1]) | (place[1:] != place[:-1])] if len(query) else np.zeros(0, bool)
    return query[first], place[first], similarity[first]
