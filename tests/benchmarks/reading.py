"""Reading a shard: a pass over all members, and samples by uid."""

from collections.abc import Iterator

import numpy as np
import webdataset

from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.reading import read_members, read_shard, read_sidecar
from tests.benchmarks.making import packed, photographs
from tests.benchmarks.names import READ_ALL, READ_RANDOM
from tests.benchmarks.rows import Row, Settings, alternate, one_core

Ranges = dict[str, list[tuple[int, int]]]
"""uid -> (offset, size) of each member."""
PARTS = ("image", "json", "text")


def rows(settings: Settings) -> Iterator[Row]:
    """Ours goes by the sidecar's offsets, webdataset walks the tar; both out of the page cache."""
    layout = Layout(str(settings.folder / "reading"))
    snapshot = packed(photographs, settings.size(1000, 150), layout)
    tar = layout.tar(snapshot, 0)
    with one_core() as on:
        runs = alternate(lambda: _pass(layout, snapshot), lambda: _walk(tar), num_pairs=settings.num_pairs)
    yield Row(
        what=READ_ALL,
        unit="samples/s",
        on=on,
        runs=runs,
        peer_name="webdataset.WebDataset, no decoding",
        note="ours takes text and metadata as values from the sidecar, peer gives them as bytes of .txt and .json",
    )
    ranges = _shuffled(layout, snapshot)
    with one_core() as on:
        runs = alternate(lambda: _by_uid(tar, ranges), num_pairs=settings.num_pairs)
    yield Row(
        what=READ_RANDOM,
        unit="samples/s",
        on=on,
        runs=runs,
        note="the index (uid to offsets) is in memory; a plain tar has none, so no peer",
    )


def _pass(layout: Layout, snapshot: Snapshot) -> int:
    return sum(bool(sample.image and sample.text and sample.row) for sample in read_shard(layout, snapshot, 0))


def _walk(tar: str) -> int:
    samples = webdataset.WebDataset(tar, shardshuffle=False)
    return sum(bool(sample["jpg"] and sample["txt"] and sample["json"]) for sample in samples)


def _shuffled(layout: Layout, snapshot: Snapshot) -> Ranges:
    """In an order that the tar does not have."""
    rows = read_sidecar(layout, snapshot, 0).to_pylist()
    order = np.random.default_rng(0).permutation(len(rows))
    return {
        row["uid"]: [(row[f"{part}_offset"], row[f"{part}_size"]) for part in PARTS]
        for row in (rows[number] for number in order)
    }


def _by_uid(tar: str, ranges: Ranges) -> int:
    members = read_members(tar, [one for uid in ranges for one in ranges[uid]])
    return sum(bool(member) for member in members) // len(PARTS)
