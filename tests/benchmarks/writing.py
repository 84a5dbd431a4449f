"""Writing shards: ours with digests, index, sidecar and fsync against webdataset's bare tar; what that costs in bytes
and memory."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import webdataset

from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.building import ShardTask, build_shard
from pipelines.shards.media import MediaProfile
from pipelines.shards.preparing import prepare
from pipelines.shards.reading import read_sidecar
from pipelines.shards.sidecar import MEMBERS
from tests.benchmarks.making import Records, packed, photographs, shard_task
from tests.benchmarks.names import WRITE_FETCHED, WRITE_INDEX, WRITE_MEMORY, WRITE_RECORDS, WRITE_SPARE
from tests.benchmarks.rows import Row, Runs, Settings, alternate, one_core

INDEX = ("key", *(f"{member}_{what}" for member in MEMBERS for what in ("offset", "size")))
"""The columns that an index adds to what is known of a sample anyway."""
_BARE = "peer writes the tar alone and does not sync it"


def rows(settings: Settings) -> Iterator[Row]:
    """The packer's own function: records whose bytes are in memory, to a committed shard."""
    source = photographs(settings.size(1000, 150))
    layout = Layout(str(settings.folder / "writing"))
    bare = _BareTar(source, str(settings.folder / "bare.tar"))
    decoded, fetched = shard_task(source, layout), shard_task(source, layout, MediaProfile(check="header"))
    notes = {
        WRITE_FETCHED: f"sha256 of tar and samples, uids, index, sidecar, stats, fsync, headers of images; {_BARE}",
        WRITE_RECORDS: f"the same, and every image is decoded; {_BARE}",
    }
    for task, what in ((fetched, WRITE_FETCHED), (decoded, WRITE_RECORDS)):
        with one_core() as on:
            runs = alternate(lambda task=task: _build(task), bare.write, num_pairs=settings.num_pairs)  # type: ignore[misc]
        yield _row(what, on, runs, notes[what])
    spare = replace(fetched, has_spare_core=True)
    runs = alternate(lambda: _build(spare), bare.write, num_pairs=settings.num_pairs)
    yield _row(WRITE_SPARE, "2 cores", runs, f"the tar is digested on the second core; {_BARE}")
    yield _index_bytes(layout, packed(photographs, settings.size(1000, 150), layout))
    yield _peak_memory(settings)


def _row(what: str, on: str, runs: Runs, note: str) -> Row:
    return Row(what=what, unit="samples/s", on=on, runs=runs, peer_name="webdataset.TarWriter", note=note)


def _build(task: ShardTask) -> int:
    return int(str(build_shard(task)["successes"]))


class _BareTar:
    """The same members through webdataset's writer, which needs no encoder for bytes."""

    def __init__(self, source: Records, path: str) -> None:
        self._path = path
        samples = [prepare(record, corpus=source.corpus) for record in source.records]
        self._samples = [
            {"__key__": sample.uid, **{extension: data for _, extension, data in sample.members}} for sample in samples
        ]

    def write(self) -> int:
        with webdataset.TarWriter(self._path, encoder=False) as writer:
            for sample in self._samples:
                writer.write(sample)
        return len(self._samples)


def _index_bytes(layout: Layout, snapshot: Snapshot) -> Row:
    """Of the file that stands on the disk: its index columns, and what is not a column at all."""
    path = layout.sidecar(snapshot, 0)
    metadata = pq.read_metadata(path)
    columns = [metadata.row_group(group).column(number) for group in range(metadata.num_row_groups)
               for number in range(metadata.num_columns)]  # fmt: skip
    num_index = sum(one.total_compressed_size for one in columns if one.path_in_schema in INDEX)
    num_frame = Path(path).stat().st_size - sum(one.total_compressed_size for one in columns)
    num_rows = len(read_sidecar(layout, snapshot, 0))
    return Row(
        what=WRITE_INDEX,
        unit="bytes",
        on="disk",
        runs=Runs(ours=((num_index + num_frame) / num_rows,)),
        note=f"less is better; of a sidecar of {Path(path).stat().st_size / num_rows:.0f} bytes a sample, "
        f"{num_frame / num_rows:.1f} of them Parquet's frame (a shard of {num_rows})",
    )


# ru_maxrss of a new process begins at that of the one which started it; VmHWM is its own.
_PACKS = """
import re, resource, sys
from pathlib import Path
from pipelines.layout import Layout
from pipelines.shards.media import MediaProfile
from pipelines.shards.packing import PackingConfig, pack
from tests.benchmarks.making import Endless
root, num_bytes = sys.argv[1], int(sys.argv[2])
config = PackingConfig(num_workers=2, profile=MediaProfile(check="header"), samples_per_shard=10_000)
report = pack(Endless(num_bytes=num_bytes), layout=Layout(root), config=config)
own = int(re.search("VmHWM: +([0-9]+)", Path("/proc/self/status").read_text().replace(chr(9), " "))[1])
print(report.num_bytes, own + 2 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def _peak_memory(settings: Settings) -> Row:
    """Of the packing process and twice its larger worker, in a process of its own (Linux)."""
    root = settings.folder / "endless"
    command = [sys.executable, "-c", _PACKS, str(root), str(settings.size(10_000_000_000, 100_000_000))]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    num_bytes, peak_kib = map(int, answer.split())
    return Row(
        what=WRITE_MEMORY,
        unit="MB",
        on="2 workers",
        runs=Runs(ours=(peak_kib * 1024 / 1e6,)),
        note=f"less is better; while {num_bytes / 1e9:.1f} GB of tars were written",
    )
