"""Numbers that a view's samples were judged by, read a shard at a time: memory does not grow with the pool."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import storage
from pipelines.curation.pool import families_by_key
from pipelines.curation.views import View
from pipelines.samples import Snapshot
from pipelines.shards.sidecar import SIDECAR
from pipelines.signals.columns import Column
from pipelines.signals.schema import Family
from pipelines.signals.sketches import Sketch


@dataclass(frozen=True, kw_only=True, slots=True)
class Distribution:
    """One column over the whole pool, by what became of its samples."""

    name: str
    about: Column | None
    """Unit and meaning; None for a column of the sidecar."""
    kept: Sketch = field(default_factory=Sketch)
    dropped: Sketch = field(default_factory=Sketch)

    @property
    def told(self) -> str:
        """Unit, meaning and how many values there are."""
        unit = self.about.unit if self.about else ""
        meaning = self.about.meaning.partition(";")[0] if self.about else ""
        number = f"{self.kept.num_values + self.dropped.num_values:,} values"
        return "; ".join(filter(None, (meaning, f"in {unit}" if unit else "", number)))

    @property
    def is_whole(self) -> bool:
        """Whether its values are whole numbers."""
        return pa.types.is_integer(self.about.type if self.about else SIDECAR.field(self.name).type)

    def add(self, column: "pa.Array[Any]", kept: "pa.Array[Any]") -> None:
        """The values of one shard; null, nan and infinite ones are left out."""
        values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
        finite, is_kept = np.isfinite(values), kept.to_numpy(zero_copy_only=False)
        self.kept.add(values[finite & is_kept])
        self.dropped.add(values[finite & ~is_kept])


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """The number columns among `names` that a view's snapshots have, and where each is found."""

    view: View
    names: frozenset[str]

    def distributions(self) -> list[Distribution]:
        """Of every column that has any value, by name; one pass over the files."""
        found = {name: Distribution(name=name, about=self._about(name)) for name in sorted(self.names)}
        for snapshot, shard, verdicts in shard_verdicts(self.view, ["uid", "kept"]):
            kept = verdicts["kept"].combine_chunks()
            for name, column in self.columns(snapshot, shard, verdicts["uid"].combine_chunks()).items():
                found[name].add(column, kept)
        return [one for one in found.values() if one.kept.num_values or one.dropped.num_values]

    def columns(self, snapshot: Snapshot, shard: int, uids: "pa.Array[Any]") -> dict[str, "pa.Array[Any]"]:
        """Name -> values in the order of `uids`, null where a sample was not measured."""
        found = {}
        for uri, names in self._files(snapshot, shard):
            table = _aligned(_read(uri, names), uids)
            found.update({name: table[name].combine_chunks() for name in names})
        return found

    def _files(self, snapshot: Snapshot, shard: int) -> Iterator[tuple[str, list[str]]]:
        layout = self.view.layout
        if described := sorted(self.names & _NUMBERS):
            yield layout.sidecar(snapshot, shard), described
        for key, family in self._families().items():
            names = sorted(self.names & _numbers(family))
            uri = layout.signal(key, snapshot, shard)
            if names and storage.exists(uri):
                yield uri, names

    def _families(self) -> Mapping[str, Family]:
        return families_by_key(self.view.manifest["inputs"]["signals"])

    def _about(self, name: str) -> Column | None:
        columns = (column for family in self._families().values() for column in family.columns)
        return next((column for column in columns if column.name == name), None)


def shard_verdicts(view: View, columns: Sequence[str]) -> Iterator[tuple[Snapshot, int, pa.Table]]:
    """The verdicts of a view, a shard at a time."""
    rest: pa.Table | None = None
    folder = f"{view.uri}/verdicts"
    for name in storage.names(folder, ".parquet"):
        table = storage.read_table(f"{folder}/{name}", [*_PLACE, *columns])
        if rest is not None:
            table = pa.concat_tables([rest, table])
        cuts = [0, *_cuts(table), len(table)]
        for start, end in pairwise(cuts[:-1]):
            yield _of_shard(table.slice(start, end - start))
        rest = table.slice(cuts[-2])
    if rest is not None and len(rest):
        yield _of_shard(rest)


_PLACE = ("corpus", "snapshot", "shard")
_NUMBERS = frozenset(one.name for one in SIDECAR if pa.types.is_floating(one.type) or pa.types.is_integer(one.type))


def _of_shard(table: pa.Table) -> tuple[Snapshot, int, pa.Table]:
    corpus, snapshot, shard = (table[name][0].as_py() for name in _PLACE)
    return Snapshot(corpus=corpus, snapshot=snapshot), shard, table.drop_columns(list(_PLACE))


def _cuts(table: pa.Table) -> list[int]:
    """Where another shard begins."""
    changes = np.zeros(max(len(table) - 1, 0), dtype=bool)
    for name in _PLACE:
        codes = table[name].combine_chunks().dictionary_encode().indices.to_numpy()
        changes |= codes[1:] != codes[:-1]
    return (np.flatnonzero(changes) + 1).tolist()


def _read(uri: str, names: Sequence[str]) -> pa.Table:
    return storage.read_table(uri, ["uid", *names])


def _aligned(table: pa.Table, uids: "pa.Array[Any]") -> pa.Table:
    """Rows in the order of `uids`, which is mostly theirs."""
    own = table["uid"].combine_chunks()
    return table if own.equals(uids) else table.take(pc.index_in(uids, value_set=own))


def _numbers(family: Family) -> frozenset[str]:
    return frozenset(column.name for column in family.columns if column.range is not None) - _NUMBERS
