import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines import storage
from pipelines.errors import ShardError
from pipelines.samples import Snapshot
from pipelines.shards.verifying import verify


@pytest.mark.parametrize("num_workers", [1, 2])
def test_a_whole_snapshot_has_no_problems(tiny_snapshot, num_workers: int):
    report = verify(*tiny_snapshot, num_workers=num_workers)
    assert (report.num_samples, report.problems) == (12, ())


def flip_tar(layout, snapshot):
    path = Path(layout.tar(snapshot, 1))
    data = bytearray(path.read_bytes())
    data[3000] ^= 1
    path.write_bytes(data)


def drop_row(layout, snapshot):
    table = pq.read_table(layout.sidecar(snapshot, 1), partitioning=None)
    storage.write_table(layout.sidecar(snapshot, 1), table.slice(1))


def shift_offset(layout, snapshot):
    table = pq.read_table(layout.sidecar(snapshot, 1), partitioning=None)
    moved = table.set_column(
        table.schema.get_field_index("text_offset"), "text_offset", table["text_offset"].combine_chunks()[::-1]
    )
    storage.write_table(layout.sidecar(snapshot, 1), moved)


def repeat_shard(layout, snapshot):
    for uri in (layout.tar, layout.sidecar, layout.stats):
        Path(uri(snapshot, 1)).write_bytes(Path(uri(snapshot, 0)).read_bytes())


def empty_stats(layout, snapshot):
    Path(layout.stats(snapshot, 1)).write_text("{}")


def foreign_sidecar(layout, snapshot):
    Path(layout.sidecar(snapshot, 1)).write_bytes(b"PAR1 no")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (flip_tar, "00000001.tar: its sha256 is"),
        (drop_row, "4 samples in 4 rows, its stats say 5 in 5"),
        (shift_offset, ".txt is not at"),
        (repeat_shard, "stands more than once"),
        (empty_stats, "lacks count"),
        (foreign_sidecar, "pack again"),
        (lambda layout, snapshot: Path(layout.tar(snapshot, 1)).unlink(), "00000001.tar"),
        (lambda layout, snapshot: Path(layout.stats(snapshot, 1)).unlink(), "00000001_stats.json: missing"),
        (lambda layout, snapshot: Path(layout.tar(snapshot, 9)).touch(), "00000009.tar: not in the plan of 3"),
    ],
)
def test_each_damage_is_named_with_what_to_do(tiny_snapshot, damage, said: str):
    layout, snapshot = tiny_snapshot
    damage(layout, snapshot)
    problems = verify(layout, snapshot).problems
    assert any(said in problem for problem in problems)
    assert all(word in " ".join(problems) for word in ("0000000",)) or "uid" in problems[0]


def test_a_snapshot_that_was_never_packed_is_an_error(tiny_snapshot):
    with pytest.raises(ShardError, match="not packed"):
        verify(tiny_snapshot[0], Snapshot(corpus="other", snapshot="s"))


def test_stats_have_the_keys_of_img2dataset(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    stats = json.loads(Path(layout.stats(snapshot, 0)).read_text())
    img2dataset = {"count", "successes", "failed_to_download", "failed_to_resize", "duration", "start_time", "end_time"}
    assert img2dataset | {"status_dict", "tar_sha256", "tar_bytes", "n_by_parts"} <= set(stats)
