"""The table `samples` of a policy as Parquet files: sidecars and signals joined by uid, group of shards by group.

Made once for equal shards, signals and columns and kept in the cache of a local root, so that another threshold reads
what is there. A group holds about ROWS_PER_FILE rows: its joins fit in memory, whatever the pool's size. Rows are in
order of (shard, source row). Besides what was asked for a file has the columns of ENGINE.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from pipelines import storage
from pipelines.curation.connections import PARQUET, named, open_engine, parquet, quoted
from pipelines.curation.pool import names_of, signal_digest
from pipelines.curation.queries import fill_sql
from pipelines.curation.splits import HELD_OUT_SHARE
from pipelines.curation.views import FACETS
from pipelines.layout import Layout
from pipelines.samples import Snapshot, digest_of
from pipelines.shards.sidecar import SIDECAR
from pipelines.shards.snapshots import each_stats
from pipelines.signals.files import Shards, open_shards
from pipelines.signals.schema import Family

VERSION = 2
"""Raised when equal inputs would give other files."""
ROWS_PER_FILE = 1_000_000
ENGINE = ("uid", "__shard", "__source_row", "__split", "__facet", "__unmeasured")
"""What the engine needs of every sample: `__facet` is a key of `facets.parquet`, `__unmeasured` has a bit for each
family (in the order in which they were asked for) that lacks the sample though it has the family's modality."""

_DERIVED: Mapping[str, str] = {
    "shard": "__shard",
    "has_image": "has_image",
    "has_text": "has_text",
    "has_audio": "has_audio",
    "label": "tags[1]",
    "split": "split",
    "corpus": "corpus",
    "snapshot": "snapshot",
}


_NOT_SEEN = ("uid", "status", "error_message")


@dataclass(frozen=True, kw_only=True, slots=True)
class Gathered:
    """The samples of one snapshot as files on this machine."""

    snapshot: Snapshot
    files: tuple[str, ...]
    """Parquet, in the order of the samples."""
    counts: tuple[int, ...]
    """Rows of each file."""
    facets: str
    """Parquet: `facet` and FACETS."""
    families: tuple[str, ...]
    """Keys by bit of `__unmeasured`."""

    @property
    def num_samples(self) -> int:
        return sum(self.counts)


def gather(
    layout: Layout, snapshot: Snapshot, families: Mapping[str, Family], names: Collection[str], *, folder: Path
) -> Gathered:
    """The columns in `names` of the sidecar and of what was measured; `folder` is for what is spilled, and for the
    files themselves where the root is not on this machine. What is no column of any of them is left out."""
    shards = open_shards(layout, snapshot)
    wanted = {key: sorted(names_of(family) & set(names)) for key, family in families.items()}
    inputs = {
        "version": [VERSION, duckdb.__version__],
        "snapshot": str(snapshot),
        "shards": shards.digest,
        "signals": {key: signal_digest(shards, key) for key in families},
        "columns": [sorted(set(names) & (set(SIDECAR.names) | set(_DERIVED))), wanted],
    }
    digest = digest_of(inputs)[:32]
    target = f"{folder}/samples-{digest}"
    if storage.is_local(layout.root):
        target = str(storage.local_path(layout.cache(f"samples/{snapshot}/{digest}")).absolute())
    done = f"{target}/done.json"
    if not storage.exists(done):
        storage.remove(target)
        Path(target).mkdir(parents=True)
        counts = _write(shards, families, wanted, set(names), target=target, folder=folder)
        storage.write_json(done, {"counts": counts, "inputs": inputs})
    found: list[int] = storage.read_json(done)["counts"]  # type: ignore[assignment]
    return Gathered(
        snapshot=snapshot,
        files=tuple(f"{target}/{number:08d}.parquet" for number in range(len(found))),
        counts=tuple(found),
        facets=f"{target}/facets.parquet",
        families=tuple(families),
    )


def _write(
    shards: Shards,
    families: Mapping[str, Family],
    wanted: Mapping[str, Sequence[str]],
    names: set[str],
    *,
    target: str,
    folder: Path,
) -> list[int]:
    counts: list[int] = []
    facets = ", ".join(f"{name} varchar" for name in FACETS)
    with open_engine(folder) as connection:
        connection.execute(f"create table facets (facet ubigint primary key, {facets})")
        for number, group in enumerate(_groups(shards)):
            source = _Group(connection=connection, shards=shards, numbers=group)
            connection.execute(f"create or replace temp table placed as {_placed(source, names)}")
            connection.execute("insert or ignore into facets select distinct __facet, unnest(__facets) from placed")
            out = quoted(f"{target}/{number:08d}.parquet")
            joined = _joined(source, families, wanted)
            counts.append(int(connection.execute(f"copy ({joined}) to {out} ({PARQUET})").fetchall()[0][0]))
        out = quoted(f"{target}/facets.parquet")
        connection.execute(f"copy (from facets order by all) to {out} ({PARQUET})")
    return counts


def _groups(shards: Shards) -> Iterator[list[int]]:
    """Runs of shards of about ROWS_PER_FILE samples; at least one."""
    group: list[int] = []
    rows = 0
    for shard, stats in enumerate(each_stats(shards.layout, shards.snapshot, range(len(shards.tars)))):
        group.append(shard)
        rows += int(str(stats["successes"]))
        if rows >= ROWS_PER_FILE:
            yield group
            group, rows = [], 0
    if group:
        yield group


@dataclass(frozen=True, kw_only=True, slots=True)
class _Group:
    """Some shards, readable by SQL."""

    connection: duckdb.DuckDBPyConnection
    shards: Shards
    numbers: Sequence[int]

    def sidecars(self) -> str:
        layout, snapshot = self.shards.layout, self.shards.snapshot
        return self._union([(shard, layout.sidecar(snapshot, shard)) for shard in self.numbers], "records")

    def signals(self, key: str) -> str | None:
        """None where no shard of the group has a file."""
        layout, snapshot = self.shards.layout, self.shards.snapshot
        there = set(storage.names(layout.signals(key, snapshot), ".parquet"))
        uris = [
            (shard, layout.signal(key, snapshot, shard)) for shard in self.numbers if f"{shard:08d}.parquet" in there
        ]
        return self._union(uris, f"signals {key}") if uris else None

    def _union(self, uris: Sequence[tuple[int, str]], name: str) -> str:
        """A FROM with the column `__shard`; files on this disk are read by DuckDB, others come through the storage."""
        if storage.is_local(self.shards.layout.root):
            return fill_sql(
                "numbered", files=parquet([str(storage.local_path(uri).absolute()) for _, uri in uris])[:-1]
            )
        tables = storage.read_many(storage.read_table, [uri for _, uri in uris])
        placed = [
            table.append_column("__shard", pa.repeat(pa.scalar(shard, pa.int32()), len(table)))
            for (shard, _), table in zip(uris, tables, strict=True)
        ]
        self.connection.register(name, pa.concat_tables(placed))
        return named(name)


def _placed(source: _Group, names: set[str]) -> str:
    own = [named(name) for name in SIDECAR.names if name in names and name not in _NOT_SEEN]
    derived = [f"{_DERIVED[name]} as {name}" for name in sorted(names & set(_DERIVED))]
    return fill_sql(
        "placed",
        sidecars=source.sidecars(),
        corpus=quoted(source.shards.snapshot.corpus),
        snapshot=quoted(source.shards.snapshot.snapshot),
        edge=quoted(f"{int(HELD_OUT_SHARE * 2**64):016x}"),
        columns="".join(f"{one}, " for one in [*own, *derived]),
    )


def _joined(source: _Group, families: Mapping[str, Family], wanted: Mapping[str, Sequence[str]]) -> str:
    """The samples of the group with their signals."""
    joins, signals, missing = [], [], ["0::ubigint"]
    for bit, (key, family) in enumerate(families.items()):
        table, found = named(f"of {key}"), source.signals(key)
        applies = f"__has_{family.modality}" if family.modality else "true"
        if found is None:
            missing.append(f"if({applies}, {1 << bit}::ubigint, 0::ubigint)")
            types = {column.name: column.type for column in family.columns}
            signals += [f"null::{_sql_type(types[name])} as {named(name)}" for name in wanted[key]]
            continue
        joins.append(f"left join {found} as {table} on {table}.uid = placed.uid")
        missing.append(f"if({applies} and {table}.uid is null, {1 << bit}::ubigint, 0::ubigint)")
        signals += [f"{table}.{named(name)} as {named(name)}" for name in wanted[key]]
    listed = "".join(f"{one}, " for one in signals)
    return fill_sql("gathered", signals=listed, bits=" | ".join(missing), joins=" ".join(joins))


def _sql_type(kind: pa.DataType) -> str:
    with duckdb.connect(":memory:") as connection:
        connection.register("empty", pa.table({"x": pa.array([], kind)}))
        return str(connection.sql("select x from empty").types[0])
