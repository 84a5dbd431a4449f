"""How the signals that two policies compare are distributed over what one view added, removed and kept.

A second pass that joins signals by uid: only a page asks for it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import duckdb

from pipelines import storage
from pipelines.curation.connections import named, open_engine, parquet, scratch
from pipelines.curation.diffing import Difference
from pipelines.curation.parsing import parse
from pipelines.curation.policy import parse_policy
from pipelines.curation.pool import families_by_key
from pipelines.curation.queries import fill_sql
from pipelines.curation.views import View
from pipelines.shards.sidecar import SIDECAR
from pipelines.shards.snapshots import num_shards

NUM_BINS = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class Histogram:
    """One column; bins are of equal width from `low` to `high`."""

    column: str
    low: float
    high: float
    counts: Mapping[str, Sequence[int]]
    """both, added, removed -> NUM_BINS numbers."""
    thresholds: Mapping[str, Sequence[float]]
    """old, new -> what either policy compares the column with."""


def histograms(found: Difference) -> list[Histogram]:
    """Of every number that a rule of either policy compares with a parameter and that is not everywhere the same."""
    thresholds = {"old": thresholds_of(found.old), "new": thresholds_of(found.new)}
    columns = sorted({*thresholds["old"], *thresholds["new"]})
    with scratch(found.new.layout) as folder, open_engine(folder) as connection:
        if not storage.is_local(found.new.layout.root):
            connection.register_filesystem(storage.filesystem_of(found.new.layout.root)[0])
        sides = {"old": parquet(_paths(found.old.files)), "new": parquet(_paths(found.new.files))}
        connection.execute(f"create table changes as {fill_sql('diff_changes', **sides)}")
        rows = [(column, _counted(connection, column, found)) for column in columns]
    return [
        Histogram(
            column=column,
            low=low,
            high=high,
            counts=counts,
            thresholds={side: given[column] for side, given in thresholds.items() if column in given},
        )
        for column, (low, high, counts) in rows
        if counts and low < high
    ]


def thresholds_of(view: View) -> dict[str, list[float]]:
    """Column -> numbers that the view's policy compares it with."""
    sql = storage.read_bytes(f"{view.uri}/policy.sql").decode()
    params = view.manifest["inputs"]["params"]
    query = parse(parse_policy(view.manifest["policy"]["name"], sql))
    found = {
        column: [float(params[name]) for name in names if isinstance(params[name], int | float)]
        for column, names in query.thresholds.items()
    }
    return {column: values for column, values in found.items() if values}


def _counted(
    connection: duckdb.DuckDBPyConnection, column: str, found: Difference
) -> tuple[float, float, Mapping[str, Sequence[int]]]:
    files = sorted({*_files_of(column, found.new), *_files_of(column, found.old)})
    if not files:
        return 0.0, 0.0, {}
    sql = fill_sql("diff_histogram", column=named(column), signals=parquet(_paths(files)), num_bins=str(NUM_BINS))
    rows = connection.execute(sql).fetchall()
    counts = {change: [0] * NUM_BINS for change in ("both", "added", "removed")}
    for change, number, num_samples, _, _ in rows:
        counts[change][number] = num_samples
    return (rows[0][3], rows[0][4], counts) if rows else (0.0, 0.0, {})


def _files_of(column: str, view: View) -> Iterator[str]:
    """Where the column of a view's pool is stored."""
    for snapshot in view.snapshots:
        shards = range(num_shards(view.layout, snapshot))
        if column in SIDECAR.names:
            yield from (view.layout.sidecar(snapshot, shard) for shard in shards)
            continue
        for key, family in families_by_key(view.manifest["inputs"]["signals"]).items():
            if column in family.arrow.names:
                uris = (view.layout.signal(key, snapshot, shard) for shard in shards)
                yield from (uri for uri in uris if storage.exists(uri))


def _paths(uris: Sequence[str]) -> list[str]:
    return [uri.removeprefix("file://") for uri in uris]
