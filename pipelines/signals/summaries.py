"""What the signals of a snapshot look like: for metadata, charts, checks and drift, never for decisions about a sample.

One pass over the files, a shard at a time: memory does not grow with the number of samples.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines import storage
from pipelines.errors import SignalError
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.snapshots import num_shards
from pipelines.signals.columns import ALIGNMENT, Column
from pipelines.signals.presence import Parts, modality_of, read_parts
from pipelines.signals.schema import KNOWN_FAMILIES, family_of
from pipelines.signals.tallies import ColumnSummary, ColumnTally

__all__ = ["ColumnSummary", "Nulls", "Summary", "summarise"]

_NUM_COMMON = 8
_NUM_WORDS_KEPT = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Nulls:
    """Of one column."""

    num_nulls: int
    num_unexpected: int
    """Null although the sample has the part that is measured and the column does not say when it is null."""
    example: str
    """uid of the first unexpected one; empty where there is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """One family over one snapshot; columns without any value are in `null_columns` alone."""

    family: str
    num_samples: int
    num_unmeasured: int
    """Samples of the shards that the family has no row for; they count nowhere else."""
    columns: tuple[ColumnSummary, ...]
    null_columns: tuple[str, ...]
    nulls: Mapping[str, Nulls]
    """Of every column, also of those that are no numbers."""
    most_common: dict[str, tuple[tuple[str, int], ...]]
    """Text column -> its most frequent values."""


def summarise(layout: Layout, snapshot: Snapshot, family: str) -> Summary:
    """Of a measured family (`image`, `image@1`) or alignment key; `SignalError` where no shard was measured."""
    known = family.partition("@")[0] in KNOWN_FAMILIES
    key = family_of(family).key if known else family
    tally = _Tally(family, _columns_of(family))
    there = set(storage.names(layout.signals(key, snapshot), ".parquet"))
    count = num_shards(layout, snapshot)
    if count and not there:
        raise SignalError(
            f"{layout.signals(key, snapshot)}: not measured. Run: python -m pipelines measure, or score the snapshot."
        )
    for shard in range(count):
        parts = read_parts(layout, snapshot, shard)
        uri = layout.signal(key, snapshot, shard)
        table = storage.read_table(uri) if f"{shard:08d}.parquet" in there else None
        tally.add(shard, parts, table)
    return tally.summary()


def _columns_of(family: str) -> Mapping[str, Column]:
    """None for a family that is not of the schema."""
    if family.partition("@")[0] in KNOWN_FAMILIES:
        return {column.name: column for column in family_of(family).columns}
    return {column.name: column for column in ALIGNMENT}


class _Tally:
    """A summary that grows by a shard at a time."""

    def __init__(self, family: str, columns: Mapping[str, Column]) -> None:
        self._family = family
        self._columns = columns
        self._tallies: dict[str, ColumnTally] = {}
        self._words: dict[str, Counter[str]] = {}
        self._nulls: dict[str, Nulls] = {}
        self._num_samples = self._num_unmeasured = 0

    def add(self, shard: int, parts: Parts, table: pa.Table | None) -> None:
        self._num_samples += len(parts.uids)
        if table is None or not table["uid"].combine_chunks().equals(parts.uids):
            self._num_unmeasured += len(parts.uids)
            return
        for name in table.column_names[1:]:
            column = table[name].combine_chunks()
            self._count_nulls(name, column, parts)
            if pa.types.is_string(column.type):
                self._count_words(name, column)
            elif _is_number(column.type):
                tally = self._tallies.setdefault(name, ColumnTally(name, self._columns.get(name)))
                tally.add(shard, column, parts.uids)

    def _count_nulls(self, name: str, column: "pa.Array[Any]", parts: Parts) -> None:
        before = self._nulls.get(name, Nulls(num_nulls=0, num_unexpected=0, example=""))
        places = self._unexpected(name, column, parts) if column.null_count else []
        self._nulls[name] = Nulls(
            num_nulls=before.num_nulls + column.null_count,
            num_unexpected=before.num_unexpected + len(places),
            example=before.example or (str(parts.uids[int(places[0])]) if len(places) else ""),
        )

    def _unexpected(self, name: str, column: "pa.Array[Any]", parts: Parts) -> Sequence[int]:
        modality = modality_of(self._family, name)
        declared = self._columns.get(name)
        if modality is None or declared is None or declared.may_be_null:
            return []
        null = column.is_null().to_numpy(zero_copy_only=False)
        return np.flatnonzero(null & parts.has[modality]).tolist()

    def _count_words(self, name: str, column: "pa.Array[Any]") -> None:
        words = self._words.setdefault(name, Counter())
        words.update(str(value) for value in column.to_pylist() if value is not None)
        if len(words) > 2 * _NUM_WORDS_KEPT:  # the rare ones of a column that nobody meant to be words
            self._words[name] = Counter(dict(words.most_common(_NUM_WORDS_KEPT)))

    def summary(self) -> Summary:
        measured = self._num_samples - self._num_unmeasured
        empty = (name for name, nulls in self._nulls.items() if nulls.num_nulls == measured)
        return Summary(
            family=self._family,
            num_samples=self._num_samples,
            num_unmeasured=self._num_unmeasured,
            columns=tuple(tally.summary() for tally in self._tallies.values() if tally.num_values),
            null_columns=tuple(name for name in empty if name in self._tallies or name in self._words),
            nulls=self._nulls,
            most_common={name: _most_common(words) for name, words in self._words.items() if words},
        )


def _is_number(kind: pa.DataType) -> bool:
    """Hashes are whole numbers too, but not for counting."""
    return (
        pa.types.is_boolean(kind) or pa.types.is_floating(kind) or (pa.types.is_integer(kind) and kind != pa.uint64())
    )


def _most_common(words: "Counter[str]") -> tuple[tuple[str, int], ...]:
    return tuple(sorted(words.items(), key=lambda pair: (-pair[1], pair[0]))[:_NUM_COMMON])
