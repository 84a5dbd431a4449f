"""What the signals of a snapshot look like: for metadata, charts and drift, never for decisions about one sample."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.signals.files import read_signals

_NUM_BINS = 20
_NUM_EXTREMES = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnSummary:
    """One numeric or boolean column (false is 0, true is 1)."""

    name: str
    num_values: int
    null_share: float
    minimum: float
    median: float
    maximum: float
    counts: tuple[int, ...]
    """Samples in each bin; there is one edge more than bins."""
    edges: tuple[float, ...]
    lowest: tuple[str, ...]
    """uids of the lowest values, the lowest first."""
    highest: tuple[str, ...]
    """uids of the highest values, the highest first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """One family over one snapshot; columns without any value are in `null_columns` alone."""

    family: str
    num_samples: int
    columns: tuple[ColumnSummary, ...]
    null_columns: tuple[str, ...]
    most_common: dict[str, tuple[tuple[str, int], ...]]
    """Text column -> its most frequent values."""


def summarise(layout: Layout, snapshot: Snapshot, family: str) -> Summary:
    """Of a measured family (`image`, `image@1`) or alignment key; fingerprints have nothing to summarise."""
    table = read_signals(layout, snapshot, [family])
    uids = table["uid"]
    numeric, empty, words = [], [], {}
    for field in table.schema:
        column = table[field.name]
        if field.name == "uid" or pa.types.is_list(field.type) or field.type == pa.uint64():
            continue
        if column.null_count == len(column):
            empty.append(field.name)
        elif pa.types.is_string(field.type):
            words[field.name] = _most_common(column)
        else:
            numeric.append(_summarise(field.name, column, uids))
    return Summary(
        family=family,
        num_samples=len(table),
        columns=tuple(numeric),
        null_columns=tuple(empty),
        most_common=words,
    )


def histogram(
    values: NDArray[np.float64], *, num_bins: int = _NUM_BINS
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Counts and edges over the range of the values; equal values make one bin of width 1."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        return np.array([len(values)]), np.array([low - 0.5, low + 0.5])
    return np.histogram(values, bins=num_bins, range=(low, high))


def _summarise(name: str, column: "pa.ChunkedArray[Any]", uids: "pa.ChunkedArray[Any]") -> ColumnSummary:
    valid = column.is_valid().to_numpy()
    values = column.to_numpy()[valid].astype(np.float64)
    places = np.flatnonzero(valid)
    order = np.argsort(values, kind="stable")
    counts, edges = histogram(values)
    return ColumnSummary(
        name=name,
        num_values=len(values),
        null_share=column.null_count / len(column),
        minimum=float(values.min()),
        median=float(np.median(values)),
        maximum=float(values.max()),
        counts=tuple(counts.tolist()),
        edges=tuple(edges.tolist()),
        lowest=_named(uids, places[order[:_NUM_EXTREMES]]),
        highest=_named(uids, places[order[::-1][:_NUM_EXTREMES]]),
    )


def _named(uids: "pa.ChunkedArray[Any]", places: NDArray[np.int64]) -> tuple[str, ...]:
    return tuple(str(uids[int(place)]) for place in places)


def _most_common(column: "pa.ChunkedArray[Any]") -> tuple[tuple[str, int], ...]:
    counted = Counter(str(value) for value in column.to_pylist() if value is not None)
    return tuple(sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))[:_NUM_EXTREMES])
