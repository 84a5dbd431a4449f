"""One numeric column, counted a shard at a time: its range, its distribution, its extremes and what should not be."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.signals.columns import Column
from pipelines.signals.sketches import Sketch

_NUM_BINS = 20
_NUM_EXTREMES = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Extreme:
    """A sample at one end of a column."""

    value: float
    uid: str
    shard: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnSummary:
    """One numeric or boolean column (false is 0, true is 1) with at least one value."""

    name: str
    num_values: int
    null_share: float
    minimum: float
    median: float
    """Cut to 12 significant bits, as are `counts`."""
    maximum: float
    counts: tuple[int, ...]
    """Samples in each bin; there is one edge more than bins."""
    edges: tuple[float, ...]
    lowest: tuple[Extreme, ...]
    """The lowest first; of equal ones the first in source order."""
    highest: tuple[Extreme, ...]
    """The highest first."""
    num_out_of_range: int
    """Values that the schema says cannot occur, and those that are no finite number."""
    out_of_range: tuple[Extreme, ...]
    """The first few of them."""
    sketch: Sketch = field(repr=False)


class ColumnTally:
    """Counts one column; `column` is None where the schema does not know it."""

    def __init__(self, name: str, column: Column | None) -> None:
        self._name = name
        self._range = (column.range if column else None) or (None, None)
        self._sketch = Sketch()
        self._num_rows = self._num_outside = 0
        self._outside: list[Extreme] = []
        self._lowest: list[Extreme] = []
        self._highest: list[Extreme] = []

    @property
    def num_values(self) -> int:
        """Finite ones."""
        return self._sketch.num_values

    def add(self, shard: int, column: "pa.Array[Any]", uids: "pa.Array[Any]") -> None:
        """The values of one shard."""
        self._num_rows += len(column)
        places = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
        values = column.drop_null().to_numpy(zero_copy_only=False).astype(np.float64)
        self._look_outside(shard, values, places, uids)
        finite = np.isfinite(values)
        values, places = values[finite], places[finite]
        self._sketch.add(values)
        self._lowest = _least(self._lowest, _named(shard, values, places, uids, sign=1), sign=1)
        self._highest = _least(self._highest, _named(shard, values, places, uids, sign=-1), sign=-1)

    def _look_outside(
        self, shard: int, values: NDArray[np.float64], places: NDArray[np.intp], uids: "pa.Array[Any]"
    ) -> None:
        low, high = self._range
        inside = np.isfinite(values)
        if low is not None:
            inside &= values >= _loosely(low, -1)
        if high is not None:
            inside &= values <= _loosely(high, 1)
        outside = np.flatnonzero(~inside)
        self._num_outside += len(outside)
        for number in outside[: _NUM_EXTREMES - len(self._outside)].tolist():
            self._outside.append(Extreme(value=float(values[number]), uid=str(uids[int(places[number])]), shard=shard))

    def summary(self) -> ColumnSummary:
        """Of what was added; there is to be a finite value."""
        counts, edges = self._sketch.histogram(num_bins=_NUM_BINS)
        return ColumnSummary(
            name=self._name,
            num_values=self.num_values,
            null_share=1 - self.num_values / self._num_rows,
            minimum=self._lowest[0].value,
            median=self._sketch.quantiles([0.5])[0],
            maximum=self._highest[0].value,
            counts=tuple(counts.tolist()),
            edges=tuple(edges.tolist()),
            lowest=tuple(self._lowest),
            highest=tuple(self._highest),
            num_out_of_range=self._num_outside,
            out_of_range=tuple(self._outside),
            sketch=self._sketch,
        )


def _loosely(bound: float, direction: int) -> float:
    """A bound as a float32 column can meet it: 0.1 + 0.2 of shares may be one step above what it is in float64."""
    return bound + direction * 1e-6 * max(1.0, abs(bound))


def _named(
    shard: int, values: NDArray[np.float64], places: NDArray[np.intp], uids: "pa.Array[Any]", *, sign: int
) -> Sequence[Extreme]:
    if not len(values):
        return []
    ordered = sign * values
    # Not a whole sort of each shard: only what may be among the least.
    bound = np.partition(ordered, min(_NUM_EXTREMES, len(ordered)) - 1)[min(_NUM_EXTREMES, len(ordered)) - 1]
    chosen = np.flatnonzero(ordered <= bound)
    chosen = chosen[np.argsort(ordered[chosen], kind="stable")][:_NUM_EXTREMES]
    return [
        Extreme(value=float(values[number]), uid=str(uids[int(places[number])]), shard=shard)
        for number in chosen.tolist()
    ]


def _least(before: Sequence[Extreme], new: Sequence[Extreme], *, sign: int) -> list[Extreme]:
    return sorted([*before, *new], key=lambda one: sign * one.value)[:_NUM_EXTREMES]
