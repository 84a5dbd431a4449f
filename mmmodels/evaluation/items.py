"""What is asked and what is offered: the distinct pictures, texts and clips of a view, and their vectors."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmmodels.loading.members import encoded
from mmmodels.preparing import Prepared

Embed = Callable[[str, NDArray[Any]], NDArray[np.float32]]
"""Modality and decoded media (n, ...) to unit vectors (n, D)."""
READ_AT_ONCE = 4096
"""Decoded media that are held at once."""


def item_numbers(data: Prepared, modality: str) -> NDArray[np.int64]:
    """(rows,): equal where two samples have the same picture, text or clip; -1 where a sample has none."""
    return data.captions if modality == "text" else encoded(data.table[f"{modality}_sha256"])[1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Index:
    """Vectors of the distinct pictures, texts or clips of some rows."""

    numbers: NDArray[np.int64]
    """(items,): in order."""
    vectors_ID: NDArray[np.float32]

    @classmethod
    def of(cls, data: Prepared, modality: str, rows: NDArray[np.int64], embed: Embed) -> "Index":
        numbers, first = np.unique(item_numbers(data, modality)[rows], return_index=True)
        numbers, rows = numbers[numbers >= 0], rows[first[numbers >= 0]]
        entries = np.stack([rows, data.captions[rows]], axis=1)
        parts = [
            embed(modality, data.inputs(modality, entries[start : start + READ_AT_ONCE]))
            for start in range(0, len(entries), READ_AT_ONCE)
        ]
        return cls(numbers=numbers, vectors_ID=np.concatenate(parts) if parts else np.zeros((0, 1), dtype=np.float32))

    def vectors(self, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
        return self.vectors_ID[np.searchsorted(self.numbers, numbers)]
