"""Where the media of a table lie, as arrays: twenty bytes for each of any number of samples."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.layout import Layout
from pipelines.samples import Snapshot


@dataclass(frozen=True, kw_only=True, slots=True)
class Shards:
    """The shards of a table's rows, numbered in their order."""

    tars: tuple[str, ...]
    of_row: NDArray[np.int32]
    """(rows,): number of the shard."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Members:
    """Members of tars, by their number."""

    tars: tuple[str, ...]
    tar: NDArray[np.int32]
    offset: NDArray[np.int64]
    size: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.tar)

    def name(self, number: int) -> str:
        """For a message."""
        return f"{self.tars[self.tar[number]]} at {self.offset[number]}"

    def near_each_other(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """An order of these members in which a disk has the shortest way."""
        return np.lexsort((self.offset[numbers], self.tar[numbers]))


def shards_of(table: pa.Table, layout: Layout) -> Shards:
    """Of the columns corpus, snapshot and shard; rows of one shard are neighbours."""
    corpora, corpus = encoded(table["corpus"])
    snapshots, snapshot = encoded(table["snapshot"])
    number = table["shard"].to_numpy().astype(np.int64)
    changed = [np.diff(column) != 0 for column in (corpus, snapshot, number)]
    starts = np.flatnonzero(np.concatenate([[True], np.logical_or.reduce(changed)])) if len(table) else np.zeros(0, int)
    tars = tuple(
        layout.tar(Snapshot(corpus=corpora[corpus[row]], snapshot=snapshots[snapshot[row]]), int(number[row]))
        for row in starts
    )
    of_row = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(table)))).astype(np.int32)
    return Shards(tars=tars, of_row=of_row)


def every_member(table: pa.Table, modality: str, shards: Shards) -> tuple[Members, NDArray[np.int64]]:
    """One for every row that has the modality, and (rows,) its number or -1."""
    there = np.asarray(pc.is_valid(table[f"{modality}_offset"]))
    index = np.where(there, np.cumsum(there) - 1, -1)
    return _members_at(table, modality, shards, np.flatnonzero(there)), index


def distinct_members(table: pa.Table, modality: str, shards: Shards) -> tuple[Members, NDArray[np.int64], list[str]]:
    """One for every content, in order of the digests, which come last: many samples may share a picture."""
    digests, index = encoded(table[f"{modality}_sha256"])
    order = sorted(range(len(digests)), key=digests.__getitem__)
    rank = np.empty(len(digests) + 1, dtype=np.int64)
    rank[order], rank[-1] = np.arange(len(order)), -1
    ranked = rank[index]
    first = np.full(len(digests), -1)
    present = np.flatnonzero(ranked >= 0)[::-1]
    first[ranked[present]] = present
    return _members_at(table, modality, shards, first), ranked, [digests[number] for number in order]


def encoded(column: Any) -> tuple[list[str], NDArray[np.int64]]:
    """Distinct values in order of appearance, and (rows,) the number of each row's, -1 for null."""
    flat = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    codes: Any = flat.dictionary_encode()
    indices = codes.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return codes.dictionary.to_pylist(), indices.astype(np.int64)


def _members_at(table: pa.Table, modality: str, shards: Shards, rows: NDArray[np.int64] | Sequence[int]) -> Members:
    offset, size = (
        table[f"{modality}_{what}"].combine_chunks().fill_null(0).to_numpy().astype(np.int64)[rows]
        for what in ("offset", "size")
    )
    return Members(tars=shards.tars, tar=shards.of_row[rows], offset=offset, size=size)
