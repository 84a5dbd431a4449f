"""The rows of a snapshot that last: of a record that was tried again, only how it ended."""

from collections.abc import Callable, Iterator

import pyarrow as pa

from pipelines import storage
from pipelines.errors import ShardError
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.planning import read_plan
from pipelines.shards.snapshots import Stats, num_shards, read_stats

Wanted = Callable[[Stats], bool]


def lasting_rows(
    layout: Layout, snapshot: Snapshot, columns: list[str], *, wanted: Wanted = lambda _: True
) -> Iterator[tuple[int, pa.Table]]:
    """(shard, rows) of a complete snapshot, later tries first; shards whose stats are not wanted are not read.

    Memory for the records that were tried again, and one shard.
    """
    total, plan = num_shards(layout, snapshot), read_plan(layout, snapshot)
    if plan is None:
        raise ShardError(f"{snapshot}: its plan is gone. Pack it again.")
    settled: set[int | None] = set()
    for shard in reversed(range(total)):
        is_retry = shard >= len(plan.shards)
        if not is_retry and not wanted(read_stats(layout, snapshot, shard)):
            continue
        table = storage.read_table(layout.sidecar(snapshot, shard), sorted({*columns, "source_row"}))
        rows = table["source_row"].to_pylist() if settled or is_retry else []
        if settled:
            table = table.filter(pa.array([row not in settled for row in rows], pa.bool_()))
        if is_retry:
            settled.update(rows)
        yield shard, table
