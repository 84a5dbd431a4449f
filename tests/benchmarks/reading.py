"""Reading a shard: a pass over all members, and samples by uid in random order; members as bytes on both sides."""

from collections.abc import Iterator

import numpy as np
import webdataset

from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.opening import OpenSnapshot, open_snapshot
from pipelines.shards.reading import read_raw, read_sidecar
from tests.benchmarks.making import packed, photographs
from tests.benchmarks.names import READ_ALL, READ_RANDOM
from tests.benchmarks.rows import Row, Settings, alternate, one_core


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
        note="both give the bytes of jpg, txt and json of every sample; ours reads the sidecar again in every run; "
        "the bar is a ratio of 6",
    )
    with open_snapshot(layout, snapshot) as opened, one_core() as on:
        uids = _shuffled(layout, snapshot)
        runs = alternate(lambda: _by_uid(opened, uids), num_pairs=settings.num_pairs)
    yield Row(
        what=READ_RANDOM,
        unit="samples/s",
        on=on,
        runs=runs,
        note="all members by uid through an index in memory of 62 bytes a sample; a plain tar has none, so no peer; "
        "the bar is 50,000 samples/s",
    )


def _pass(layout: Layout, snapshot: Snapshot) -> int:
    return sum(bool(found["jpg"] and found["txt"] and found["json"]) for _, found in read_raw(layout, snapshot, 0))


def _walk(tar: str) -> int:
    samples = webdataset.WebDataset(tar, shardshuffle=False)
    return sum(bool(sample["jpg"] and sample["txt"] and sample["json"]) for sample in samples)


def _shuffled(layout: Layout, snapshot: Snapshot) -> list[str]:
    """In an order that the tar does not have."""
    uids = np.array(read_sidecar(layout, snapshot, 0, ["uid"])["uid"].to_pylist())
    return [str(uid) for uid in np.random.default_rng(0).permutation(uids)]


def _by_uid(opened: OpenSnapshot, uids: list[str]) -> int:
    return sum(bool(found["jpg"] and found["txt"] and found["json"]) for _, found in opened.read_by_uid(uids))
