"""The records of several snapshots side by side: what a view is made over."""

from collections.abc import Sequence

import pyarrow as pa

from pipelines.errors import PolicyError
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.reading import read_sidecars


def read_records(layout: Layout, snapshots: Sequence[Snapshot]) -> pa.Table:
    """Their sidecars with `part` (position of the snapshot), `corpus`, `snapshot` and `shard`, in that order."""
    return pa.concat_tables(
        _placed(read_sidecars(layout, snapshot), part, snapshot) for part, snapshot in enumerate(snapshots)
    )


def check_snapshots(snapshots: Sequence[Snapshot]) -> tuple[Snapshot, ...]:
    """At least one, and at most one of a corpus; `PolicyError` otherwise."""
    if not snapshots:
        raise PolicyError("a view over no snapshot: expected one or more. Name a corpus.")
    corpora = [one.corpus for one in snapshots]
    for one in snapshots:
        if corpora.count(one.corpus) > 1:
            listed = ", ".join(str(other) for other in snapshots if other.corpus == one.corpus)
            raise PolicyError(
                f"corpus {one.corpus}: {listed} are states of one corpus and share samples. Choose one of them."
            )
    return tuple(snapshots)


def _placed(records: pa.Table, part: int, snapshot: Snapshot) -> pa.Table:
    number = len(records)
    return (
        records.append_column("part", pa.repeat(pa.scalar(part, pa.int32()), number))
        .append_column("corpus", pa.repeat(pa.scalar(snapshot.corpus), number))
        .append_column("snapshot", pa.repeat(pa.scalar(snapshot.snapshot), number))
    )
