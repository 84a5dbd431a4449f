"""The samples of a whole pool as one relation: parts are snapshots in the order of the pool."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipelines.curation.connections import PARQUET, open_engine, parquet, quoted
from pipelines.curation.gathering import Gathered, gather
from pipelines.curation.queries import fill_sql
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.signals.schema import Family

FILES_AT_ONCE = 8
"""Gathered files that are judged together where each row is judged by itself, and so the rows of a verdict file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunk:
    """Consecutive files of one part."""

    part: int
    files: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Samples:
    """Every sample of a pool, on this machine."""

    parts: tuple[Gathered, ...]
    repeated: str
    """Parquet (uid, __part): samples whose uid an earlier part has."""
    num_repeated: int

    @property
    def num_samples(self) -> int:
        return sum(part.num_samples for part in self.parts)

    @property
    def files(self) -> tuple[str, ...]:
        return tuple(file for part in self.parts for file in part.files)

    @property
    def chunks(self) -> tuple[Chunk, ...]:
        """All of it, a few files at a time."""
        return tuple(
            Chunk(part=number, files=part.files[start : start + FILES_AT_ONCE])
            for number, part in enumerate(self.parts)
            for start in range(0, len(part.files), FILES_AT_ONCE)
        )

    def whole(self) -> str:
        """A SELECT of all samples, those of a repeated uid too."""
        return _union([Chunk(part=number, files=part.files) for number, part in enumerate(self.parts)])

    def once(self) -> str:
        """A SELECT of all samples without those of a repeated uid: what a policy may look at as a whole."""
        if not self.num_repeated:
            return self.whole()
        return fill_sql("samples_once", samples=self.whole(), repeated=parquet([self.repeated]))

    def view_of(self, chunk: Chunk) -> str:
        """A SELECT of the samples of a chunk."""
        return _union([chunk])


def gather_pool(
    layout: Layout, snapshots: Sequence[Snapshot], families: Mapping[str, Family], names: frozenset[str], folder: Path
) -> Samples:
    """Gather every snapshot, and find the uids that two of them have."""
    parts = tuple(gather(layout, snapshot, families, names, folder=folder) for snapshot in snapshots)
    samples = Samples(parts=parts, repeated=str(folder / "repeated.parquet"), num_repeated=0)
    if len(parts) == 1:
        return samples
    with open_engine(folder) as engine:
        found = fill_sql("repeated", samples=samples.whole())
        (count,) = engine.execute(f"copy ({found}) to {quoted(samples.repeated)} ({PARQUET})").fetchall()[0]
    return Samples(parts=parts, repeated=samples.repeated, num_repeated=int(count))


def count_unmeasured(samples: Samples, engine: duckdb.DuckDBPyConnection) -> dict[Snapshot, dict[str, int]]:
    """Per snapshot and family the samples that lack it though they have what it measures; zeros are left out."""
    found: dict[Snapshot, dict[str, int]] = {}
    for part in samples.parts:
        rows = engine.execute(fill_sql("unmeasured", files=parquet(part.files))).fetchall()
        for bit, key in enumerate(part.families):
            if count := sum(int(number) for bits, number in rows if int(bits) >> bit & 1):
                found.setdefault(part.snapshot, {})[key] = count
    return found


def _union(chunks: Sequence[Chunk]) -> str:
    return " union all by name ".join(
        fill_sql("part", part=str(chunk.part), files=parquet(chunk.files)) for chunk in chunks
    )
