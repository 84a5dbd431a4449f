"""One uid, one sample."""

from pathlib import Path

import pyarrow as pa
import pytest

from pipelines import storage
from pipelines.samples import Snapshot
from pipelines.shards.packing import pack
from pipelines.shards.uniqueness import find_clashes
from tests.pipelines.shards.listed import Listed
from tests.pipelines.shards.test_retrying import CONFIG, NAMES, SNAPSHOT, Run

OTHER = Snapshot(corpus="listed", snapshot="two")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    found = Run(tmp_path)
    found.pack()
    pack(Listed(names=(*NAMES, "k", "l", "m"), snapshot="two"), layout=found.layout, config=CONFIG)
    return found


def change(run: Run, snapshot: Snapshot, shard: int, column: str, values: list[str | None]) -> None:
    """As a foreign writer would leave it: another sidecar, and stats that know it."""
    uri = run.layout.sidecar(snapshot, shard)
    table = storage.read_table(uri)
    position = table.column_names.index(column)
    storage.write_table(uri, table.set_column(position, column, pa.array(values, pa.string())))
    stats = run.layout.stats(snapshot, shard)
    storage.write_json(stats, {**storage.read_json(stats), "sidecar_sha256": storage.file_sha256(uri)})


def uids(run: Run, snapshot: Snapshot, shard: int) -> list[str | None]:
    return storage.read_table(run.layout.sidecar(snapshot, shard), ["uid"])["uid"].to_pylist()


@pytest.mark.parametrize("uids_at_once", [3, 1000])
def test_snapshots_that_share_samples_do_not_clash(run: Run, uids_at_once: int):
    assert find_clashes(run.layout, SNAPSHOT, uids_at_once=uids_at_once) == []
    assert find_clashes(run.layout, OTHER, uids_at_once=uids_at_once) == []


@pytest.mark.parametrize("uids_at_once", [3, 1000])
def test_a_uid_that_stands_twice_is_found(run: Run, uids_at_once: int):
    here = uids(run, SNAPSHOT, 1)
    change(run, SNAPSHOT, 1, "uid", [uids(run, SNAPSHOT, 0)[2], *here[1:]])
    (clash,) = find_clashes(run.layout, SNAPSHOT, uids_at_once=uids_at_once)
    assert str(clash) == f"uid {uids(run, SNAPSHOT, 0)[2]} stands in shards 00000000 and 00000001 of {SNAPSHOT}"


def test_half_a_uid_in_common_is_no_clash(run: Run):
    first, here = str(uids(run, SNAPSHOT, 0)[2]), uids(run, SNAPSHOT, 1)
    change(run, SNAPSHOT, 1, "uid", [f"{first[:16]}{str(here[0])[16:]}", *here[1:]])
    assert find_clashes(run.layout, SNAPSHOT) == []


@pytest.mark.parametrize("uids_at_once", [3, 1000])
def test_another_content_under_the_same_uid_in_another_snapshot_is_found(run: Run, uids_at_once: int):
    change(run, OTHER, 2, "content_id", [f"{number:032x}" for number in range(4)])  # i, j as in the first; k, l new
    clashes = find_clashes(run.layout, SNAPSHOT, uids_at_once=uids_at_once)
    assert len(clashes) == 2
    assert {clash.uid[:16] for clash in clashes} == {str(uid)[:16] for uid in uids(run, SNAPSHOT, 2)}
    assert "for another in shard 00000002 of listed/two" in str(clashes[0])
