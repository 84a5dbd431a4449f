"""Samples of which no single modality tells the label: one of them, or none, is taken from another sample.

A drawing of A, spoken as B, with the text of C: `agree` where all are of one thing, else which one does not belong. The
stand-in comes from the same split and language and shows another thing, drawn like any other: so each modality by
itself is as likely under every label, and the answer lies in how they go together. By construction a perfect reader of
one modality is right at chance, of two in half of the cases (of three modalities), of all always.

Composed when it is read, not packed as a corpus: the split that keeps concepts apart is known only in a view. The price
is that stand-ins are read here, past the loader: one that does not decode ends the run, and names itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmmodels.errors import RecipeError
from mmmodels.planning.hashing import hashed
from mmmodels.preparing import Rows

AGREE = "agree"
_LABEL, _OTHER = 1, 2


def agreement_labels(modalities: Sequence[str]) -> list[str]:
    """`agree` and, of each modality, that it differs; of two nobody can say which one does."""
    if len(modalities) < 2:
        raise RecipeError(
            f"fusion.labels=agreement: the model has {', '.join(modalities)} alone, nothing to agree with. Set two or "
            "three model.modalities."
        )
    return [AGREE, *([f"{name} differs" for name in modalities] if len(modalities) > 2 else ["differ"])]


@dataclass(frozen=True, kw_only=True, slots=True)
class Composed:
    """Samples put together from several."""

    entries: dict[str, NDArray[np.int64]]
    """Modality -> (n, 2): row and number of the text that it is taken from."""
    labels: NDArray[np.int64]
    """(n,): number of the label."""


class Composer:
    """Puts samples together out of some rows of a view, the same for the same numbers."""

    def __init__(self, data: Rows, chosen: NDArray[np.bool_], *, modalities: Sequence[str]) -> None:
        self.data = data
        self.modalities = tuple(modalities)
        self.num_labels = len(agreement_labels(modalities))
        complete = chosen & np.logical_and.reduce([data.has(name) for name in modalities])
        languages = np.array(data.column("language"), dtype=str)
        self._bucket = np.full(len(chosen), -1)
        self._buckets: list[NDArray[np.int64]] = []
        for language in sorted(set(languages[complete])):
            rows = np.flatnonzero(complete & (languages == language))
            if len(np.unique(data.groups[rows])) > 1:
                self._bucket[rows] = len(self._buckets)
                self._buckets.append(rows)

    @property
    def usable(self) -> NDArray[np.bool_]:
        """(rows,): complete samples of a language in which there is another thing to take."""
        return np.asarray(self._bucket >= 0)

    def composed(self, rows: NDArray[np.int64], numbers: NDArray[np.int64]) -> Composed:
        """Of each row (n,) the sample that a number (n,) says; label and stand-in hang on the number and the row."""
        draws = _drawn(_LABEL, rows, numbers)
        return self.labelled(rows, (draws % np.uint64(self.num_labels)).astype(np.int64), numbers)

    def labelled(self, rows: NDArray[np.int64], labels: NDArray[np.int64], numbers: NDArray[np.int64]) -> Composed:
        """Of each row the sample that has this label."""
        others = self._others(rows, _drawn(_OTHER, rows, numbers))
        entries = {}
        for number, name in enumerate(self.modalities):
            # Of two modalities it is the second that is exchanged.
            exchanged = labels == number + 1 if len(self.modalities) > 2 else (labels == 1) & (number == 1)
            taken = np.where(exchanged, others, rows)
            entries[name] = np.stack([taken, self.data.captions[taken]], axis=1)
        return Composed(entries=entries, labels=labels)

    def _others(self, rows: NDArray[np.int64], draws: NDArray[np.uint64]) -> NDArray[np.int64]:
        """(n,): for each row one of its language that shows another thing."""
        others = np.empty_like(rows)
        groups: NDArray[Any] = self.data.groups
        for number in np.unique(self._bucket[rows]).tolist():
            bucket, places = self._buckets[number], np.flatnonzero(self._bucket[rows] == number)
            for attempt in range(len(bucket)):
                drawn = (draws[places] + np.uint64(attempt)) % np.uint64(len(bucket))
                others[places] = bucket[drawn.astype(np.int64)]
                places = places[groups[others[places]] == groups[rows[places]]]
                if not len(places):
                    break
        return others


def _drawn(stream: int, rows: NDArray[np.int64], numbers: NDArray[np.int64]) -> NDArray[np.uint64]:
    """64 bits for each pair of a row and a number."""
    return hashed(stream, hashed(stream, rows) ^ numbers.astype(np.uint64))
