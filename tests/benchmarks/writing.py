"""Writing a shard: ours with digest, offsets, sidecar and fsync against webdataset's bare tar."""

from collections.abc import Iterator
from unittest.mock import patch

import webdataset

from pipelines.layout import Layout
from pipelines.shards import building
from pipelines.shards.building import ShardTask, build_shard
from pipelines.shards.preparing import Prepared, prepare
from tests.benchmarks.making import photographs, shard_task
from tests.benchmarks.names import WRITE_CHECKED, WRITE_RECORDS
from tests.benchmarks.rows import Row, Settings, alternate, one_core


def rows(settings: Settings) -> Iterator[Row]:
    """The packer's own function, without and with what it does before it writes."""
    source = photographs(settings.size(1000, 150))
    task = shard_task(source, Layout(str(settings.folder / "writing")))
    samples = {record.reference: prepare(record, corpus=source.corpus) for record in source.records}
    bare = _BareTar(list(samples.values()), str(settings.folder / "bare.tar"))
    notes = {
        WRITE_CHECKED: "ours: sha256, offsets, sidecar and stats, all fsynced; peer: tar alone, not synced",
        WRITE_RECORDS: "ours also decodes every image and digests its bytes; peer: tar alone, not synced",
    }
    for what, note in notes.items():
        with one_core() as on:
            if what == WRITE_CHECKED:
                # The record is its own look-up key: all of `build_shard` runs but the checks before it.
                with patch.object(building, "prepare", lambda record, corpus: samples[record.reference]):  # noqa: ARG005
                    runs = alternate(lambda: _build(task), bare.write, num_pairs=settings.num_pairs)
            else:
                runs = alternate(lambda: _build(task), bare.write, num_pairs=settings.num_pairs)
        yield Row(
            what=what,
            unit="samples/s",
            on=on,
            runs=runs,
            peer_name="webdataset.TarWriter",
            note=note,
        )


def _build(task: ShardTask) -> int:
    return int(str(build_shard(task)["successes"]))


class _BareTar:
    """The same members through webdataset's writer, which needs no encoder for bytes."""

    def __init__(self, samples: list[Prepared], path: str) -> None:
        self._path = path
        self._samples = [
            {"__key__": sample.uid, **{extension: data for _, extension, data in sample.members}} for sample in samples
        ]

    def write(self) -> int:
        with webdataset.TarWriter(self._path, encoder=False) as writer:
            for sample in self._samples:
                writer.write(sample)
        return len(self._samples)
