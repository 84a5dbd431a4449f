"""A few samples of a snapshot to look at, spread over all of its shards."""

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

import numpy as np
import pyarrow.compute as pc

from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.reading import read_sidecar
from pipelines.shards.sidecar import SUCCESS
from pipelines.shards.snapshots import num_shards, read_stats

_COLUMNS = [
    *("uid", "caption", "language", "voice", "tags", "duration_seconds"),
    *("image_offset", "image_size", "audio_offset", "audio_size", "audio_extension"),
]


def spread_samples(layout: Layout, snapshot: Snapshot, number: int) -> Iterator[dict[str, Any]]:
    """Up to `number` samples at equal distances in source order, always the same, with their place and `label`; reads
    the sidecars of the shards they are in and no other."""
    counts = [int(str(read_stats(layout, snapshot, one)["successes"])) for one in range(num_shards(layout, snapshot))]
    ends = list(accumulate(counts))
    total = ends[-1] if ends else 0
    places = sorted({int((position + 0.5) * total / number) for position in range(number)}) if total else []
    shards = np.searchsorted(ends, places, side="right").tolist()
    for shard in sorted(set(shards)):
        table = read_sidecar(layout, snapshot, shard).filter(pc.field("status") == SUCCESS).select(_COLUMNS)
        chosen = [
            place - (ends[shard] - counts[shard]) for place, found in zip(places, shards, strict=True) if found == shard
        ]
        for row in table.take(chosen).to_pylist():
            where = {"corpus": snapshot.corpus, "snapshot": snapshot.snapshot, "shard": shard}
            yield {**row, **where, "label": (row["tags"] or [None])[0]}
