"""Reading the ledgers that packing wrote: what became of every URL, and which record wanted it."""

from collections.abc import Iterator

from pipelines import storage
from pipelines.layout import Layout
from pipelines.samples import Download, Snapshot


def ledger_shards(layout: Layout, snapshot: Snapshot) -> list[int]:
    """The shards of a snapshot that have a ledger."""
    folder = layout.downloads(snapshot, 0).rpartition("/")[0]
    stems = (name.removesuffix(".parquet") for name in storage.names(folder, ".parquet"))
    return sorted(int(stem) for stem in stems if stem.isdigit())


def read_ledger(layout: Layout, snapshot: Snapshot, shard: int) -> Iterator[tuple[Download, int | None]]:
    """Every download of a shard, and the source row of its record where the ledger knows it."""
    for row in storage.read_table(layout.downloads(snapshot, shard)).to_pylist():
        source_row = row.pop("source_row", None)
        yield Download(**row), source_row
