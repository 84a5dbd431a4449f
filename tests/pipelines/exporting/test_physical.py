import json
import tarfile
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from pipelines import storage
from pipelines.__main__ import main
from pipelines.errors import ShardError
from pipelines.exporting.building import copy_shard
from pipelines.exporting.selecting import whole_snapshot
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.opening import open_snapshot
from pipelines.shards.planning import Limits
from pipelines.shards.reading import read_raw, read_sidecars
from pipelines.shards.snapshots import num_shards, snapshot_digest
from pipelines.shards.verifying import verify
from tests.pipelines.exporting.reading import keys, members, tars


def test_what_is_kept_is_there_once_with_the_same_bytes_in_the_same_order(packed, handing, tmp_path):
    chosen = keys(packed, 0, 1, 3, 6, 9)
    copied = handing(chosen).copied()
    expected = [(name, data) for name, data in members(packed.shards) if name.partition(".")[0] in chosen]
    assert members(tars(tmp_path / "out")) == expected
    assert copied.totals()["num_samples"] == 5


def test_new_shards_verify_and_are_read_by_offset(packed, handing):
    chosen = keys(packed, 1, 2, 5, 8)
    copied = handing(chosen, limits=Limits(samples_per_shard=3)).copied()
    (snapshot,) = copied.splits
    report = verify(copied.layout, snapshot)
    assert (report.problems, report.num_samples, num_shards(copied.layout, snapshot)) == ((), 4, 2)
    raw = dict(one for shard in range(3) for one in read_raw(packed.layout, packed.snapshot, shard))
    with open_snapshot(copied.layout, snapshot) as opened:
        assert dict(opened.read_by_uid(list(chosen))) == {uid: raw[uid] for uid in chosen}


def test_a_row_says_of_a_sample_what_it_said_before_but_where_it_lies(packed, handing):
    copied = handing(keys(packed, 3, 4, 7)).copied()
    (snapshot,) = copied.splits
    before = {row["uid"]: row for row in read_sidecars(packed.layout, packed.snapshot).to_pylist()}
    rows = read_sidecars(copied.layout, snapshot).to_pylist()
    assert [row["source_row"] for row in rows] == [0, 1, 2]
    for row in rows:
        changed = {name for name in row if row[name] != before[row["uid"]][name]}
        assert changed <= {"shard", "source_row", "image_offset", "audio_offset", "text_offset", "json_offset"}


def test_a_whole_snapshot_in_shards_of_its_own_size_is_the_same_bytes(packed, handing, tmp_path):
    copied = handing(limits=Limits(samples_per_shard=4)).copied()
    assert [path.read_bytes() for path in tars(tmp_path / "out")] == [path.read_bytes() for path in packed.shards]
    for shard in range(3):
        sidecars = [layout.sidecar(packed.snapshot, shard) for layout in (packed.layout, copied.layout)]
        assert storage.read_bytes(sidecars[0]) == storage.read_bytes(sidecars[1])
    assert list(copied.splits) == [packed.snapshot]
    assert snapshot_digest(copied.layout, packed.snapshot) == snapshot_digest(packed.layout, packed.snapshot)


def test_a_shard_ends_before_it_exceeds_the_bytes_or_the_samples_it_may_hold(handing, tmp_path):
    copied = handing(limits=Limits(samples_per_shard=4, target_bytes=20_000)).copied()
    assert copied.totals()["num_samples"] == 10
    for path in tars(tmp_path / "out"):
        with tarfile.open(path) as tar:
            num_samples = len({member.name.partition(".")[0] for member in tar.getmembers()})
        assert path.stat().st_size - 1024 <= 20_000 or num_samples == 1
        assert num_samples <= 4


def test_two_threads_write_the_bytes_of_one(packed, handing, tmp_path):
    chosen = keys(packed, *range(0, 10, 2))
    for name, num_workers in (("one", 1), ("two", 2)):
        made = handing(chosen, limits=Limits(samples_per_shard=2), output=tmp_path / name)
        replace(made, num_workers=num_workers).copied()
    for one, two in zip(tars(tmp_path / "one"), tars(tmp_path / "two"), strict=True):
        assert one.read_bytes() == two.read_bytes()


def test_a_run_that_was_stopped_goes_on_with_what_is_missing(packed, handing, tmp_path, monkeypatch):
    limits = Limits(samples_per_shard=2)
    handing(limits=limits, output=tmp_path / "whole").copied()

    def stopped(task):
        if task.shard == 3:
            raise KeyboardInterrupt
        return copy_shard(task)

    monkeypatch.setattr("pipelines.exporting.physical.copy_shard", stopped)
    with pytest.raises(KeyboardInterrupt):
        handing(limits=limits).copied()
    monkeypatch.undo()
    assert len(tars(tmp_path / "out")) == 3
    (tmp_path / "out" / "shards" / str(packed.snapshot) / ".00000003.tar.999999.partial").write_bytes(b"half")
    assert handing(limits=limits).copied().num_shards_written == 2
    assert handing(limits=limits).copied().num_shards_written == 0
    for one, other in zip(tars(tmp_path / "out"), tars(tmp_path / "whole"), strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert not list((tmp_path / "out").rglob(".*.partial"))


def test_a_tar_that_is_cut_short_is_named(packed, handing):
    path = packed.shards[1]
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ShardError, match=r"00000001\.tar: \d+ bytes at .* cut short"):
        handing().copied()


def test_a_view_of_shards_that_are_others_now_is_refused(packed, handing):
    made = handing(keys(packed, 0, 1))
    uids = made.selection.kept.uids.copy()
    uids[1] = b"\1" * 16
    kept = replace(made.selection.kept, uids=uids)
    with pytest.raises(ShardError, match=r"holds 1 of the 2 samples that the view keeps of it.*curate the view again"):
        replace(made, selection=replace(made.selection, kept=kept)).copied()


def test_an_id_that_is_no_uid_names_no_file(packed, handing):
    sidecar = packed.layout.sidecar(packed.snapshot, 0)
    table = pq.read_table(sidecar)
    uids = ["../../escape", *table["uid"].to_pylist()[1:]]
    pq.write_table(table.set_column(0, "uid", [uids]), sidecar)
    with pytest.raises(ShardError, match="32 hexadecimal digits"):
        handing().copied()


def test_no_sample_with_what_was_asked_for_is_said(packed, handing):
    with pytest.raises(ShardError, match=r"none of 2 samples has audio"):
        handing(keys(packed, 8, 9), parts=("audio",)).copied()


def test_what_was_withdrawn_from_a_snapshot_is_not_handed_over(packed, handing, tmp_path):
    uid = packed.samples[0]["__key__"]
    assert main(["forget", "--root", str(packed.root), "--uid", uid]) == 0
    handing(selection=whole_snapshot(packed.layout, packed.snapshot)).copied()
    found = {name.partition(".")[0] for name, _ in members(tars(tmp_path / "out"))}
    assert found == {sample["__key__"] for sample in packed.samples[1:]}


@pytest.mark.slow
def test_an_object_store_gets_the_bytes_of_a_disk_and_gives_them(packed, handing, tmp_path, s3_root):
    chosen = keys(packed, 0, 2, 3, 5, 9)
    handing(chosen, output=tmp_path / "disk").copied()
    away = handing(chosen, output=f"{s3_root}/first").copied()
    (snapshot,) = away.splits
    back = handing(selection=whole_snapshot(away.layout, snapshot), output=tmp_path / "back", seed=3).copied()
    names = sorted(name for name, _ in members(tars(tmp_path / "disk")))
    assert sorted(name for name, _ in members(tars(tmp_path / "back"))) == names
    disk = Layout(str(tmp_path / "disk"))
    assert storage.read_bytes(away.layout.tar(snapshot, 0)) == storage.read_bytes(disk.tar(snapshot, 0))
    assert not verify(back.layout, Snapshot(corpus="mine", snapshot=snapshot.snapshot)).problems


@pytest.mark.slow
def test_an_export_is_measured_and_curated_like_any_root(tiny_snapshot, tmp_path, capsys):
    root = tiny_snapshot[0].root
    policy = tmp_path / "french.sql"
    policy.write_text("select uid, language = 'fr' as french from samples")

    def told(*arguments: str) -> dict:
        assert main([*arguments, "--json"]) == 0, capsys.readouterr().err
        return json.loads(capsys.readouterr().out.splitlines()[-1])

    told("measure", "--root", root)
    curated = told("curate", "--root", root, "--policy", str(policy), "--view", "mine")
    out = str(tmp_path / "out")
    exported = told("export", "--root", root, "--view", "mine", "--format", "shards", "--output", out)
    assert exported["num_samples"] == curated["num_kept"]
    told("measure", "--root", out)
    again = told("curate", "--root", out, "--policy", str(policy), "--view", "mine")
    assert again["num_kept"] == curated["num_kept"] == again["num_samples"]
    assert again["num_kept_by_split"] == curated["num_kept_by_split"]
