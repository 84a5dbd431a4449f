"""Which samples a page shows: few, always the same, found without holding a whole table."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import storage
from pipelines.curation.views import View
from pipelines.curation.withdrawing import withdrawn
from pipelines.layout import Layout
from pipelines.reporting.queries import run_sql
from pipelines.samples import Snapshot
from pipelines.shards.reading import read_sidecar
from pipelines.shards.sidecar import SUCCESS
from pipelines.shards.snapshots import num_shards, read_stats

Row = dict[str, Any]
"""Of a sidecar, with `corpus`, `snapshot`, `shard`, `label`, and for a sample of a view `fate`: its first fault, None
where it is kept."""

_COLUMNS = [
    *("uid", "caption", "language", "voice", "tags", "duration_seconds"),
    *("image_offset", "image_size", "audio_offset", "audio_size", "audio_extension"),
]
_PLACE = ["uid", "corpus", "snapshot", "shard", "first_fault"]


def spread_samples(layout: Layout, snapshot: Snapshot, number: int) -> Iterator[Row]:
    """Up to `number` samples at equal distances in source order, always the same, with their place and `label`.

    Withdrawn ones are left out. Reads the sidecars of the shards they are in and no other.
    """
    counts = [int(str(read_stats(layout, snapshot, one)["successes"])) for one in range(num_shards(layout, snapshot))]
    ends = list(accumulate(counts))
    total = ends[-1] if ends else 0
    places = sorted({int((position + 0.5) * total / number) for position in range(number)}) if total else []
    shards = np.searchsorted(ends, places, side="right").tolist()
    gone = withdrawn(layout, [snapshot])["uid"]
    for shard in sorted(set(shards)):
        table = read_sidecar(layout, snapshot, shard).filter(pc.field("status") == SUCCESS).select(_COLUMNS)
        chosen = [
            place - (ends[shard] - counts[shard]) for place, found in zip(places, shards, strict=True) if found == shard
        ]
        taken = table.take(chosen)
        for row in taken.filter(pc.invert(pc.is_in(taken["uid"], value_set=gone))).to_pylist():
            where = {"corpus": snapshot.corpus, "snapshot": snapshot.snapshot, "shard": shard}
            yield {**row, **where, "label": (row["tags"] or [None])[0]}


def of_each_fate(view: View, *, num_each: int, hidden: pa.Table) -> list[Row]:
    """Up to `num_each` samples that are kept, and of every first fault; none whose uid is in `hidden`."""
    picked = pa.table({name: pa.array([], _place_types()[name]) for name in _PLACE})
    for verdicts in _verdict_files(view):
        picked = run_sql("picks", params={"num_each": num_each}, verdicts=verdicts, picked=picked, hidden=hidden)
    return read_samples(view.layout, picked.to_pylist())


def by_uid(view: View, uids: Iterable[str]) -> dict[str, Row]:
    """The samples of a view with these uids, dropped ones included; others are left out."""
    wanted = pa.table({"uid": pa.array(sorted(set(uids)), pa.string())})
    places = [
        place
        for verdicts in _verdict_files(view)
        for place in run_sql("places", verdicts=verdicts, wanted=wanted).to_pylist()
    ]
    return {row["uid"]: row for row in reversed(read_samples(view.layout, places))}


def read_samples(layout: Layout, places: Sequence[Row]) -> list[Row]:
    """Sidecar rows of samples by place (uid, corpus, snapshot, shard, first_fault), in that order; reads no other
    shard's sidecar."""
    found: dict[tuple[str, str], Row] = {}
    for (corpus, snapshot, shard), group in groupby(sorted(places, key=_shard_of), key=_shard_of):
        fates = {place["uid"]: place["first_fault"] for place in group}
        table = read_sidecar(layout, Snapshot(corpus=corpus, snapshot=snapshot), shard, _COLUMNS)
        where = {"corpus": corpus, "snapshot": snapshot, "shard": shard}
        for row in table.filter(pc.is_in(table["uid"], pa.array(list(fates), pa.string()))).to_pylist():
            label = (row["tags"] or [None])[0]
            found[corpus, row["uid"]] = {**row, **where, "fate": fates[row["uid"]], "label": label}
    return [found[place["corpus"], place["uid"]] for place in places]


def _verdict_files(view: View) -> Iterator[pa.Table]:
    folder = f"{view.uri}/verdicts"
    for name in storage.names(folder, ".parquet"):
        yield storage.read_table(f"{folder}/{name}", _PLACE)


def _place_types() -> dict[str, pa.DataType]:
    return {**dict.fromkeys(_PLACE, pa.string()), "shard": pa.int32()}


def _shard_of(row: Row) -> tuple[str, str, int]:
    return row["corpus"], row["snapshot"], row["shard"]
