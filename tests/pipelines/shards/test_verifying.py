import json
from argparse import Namespace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines import storage
from pipelines.__main__ import main
from pipelines.errors import ShardError, StorageError
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.packing import PackingConfig, pack
from pipelines.shards.snapshots import all_snapshots
from pipelines.shards.verify_command import run
from pipelines.shards.verifying import contradictions, repair, verify
from pipelines.sources.folder import open_folder


@pytest.mark.parametrize("num_workers", [1, 2])
def test_a_whole_snapshot_has_no_problems(tiny_snapshot, num_workers: int):
    report = verify(*tiny_snapshot, num_workers=num_workers)
    assert (report.num_samples, report.problems) == (12, ())


def flip_tar(layout, snapshot, shard: int = 1):
    path = Path(layout.tar(snapshot, shard))
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


def blank_uids(layout, snapshot):
    table = pq.read_table(layout.sidecar(snapshot, 1), partitioning=None)
    blank = table.set_column(table.schema.get_field_index("uid"), "uid", [[None, "x", *["0" * 32] * (len(table) - 2)]])
    storage.write_table(layout.sidecar(snapshot, 1), blank.cast(table.schema))


def foreign_sidecar(layout, snapshot):
    Path(layout.sidecar(snapshot, 1)).write_bytes(b"PAR1 no")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (flip_tar, "00000001.tar: its sha256 is"),
        (drop_row, "4 samples in 4 rows, its stats say 5 in 5"),
        (shift_offset, ".txt is not at"),
        (blank_uids, "00000001.parquet: its sha256 is"),
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


def run_verify(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """(exit code, what was said)."""
    code = main(["verify", "--json", *arguments])
    told = capsys.readouterr()
    return code, told.out or told.err


def content(layout, snapshot) -> dict[str, bytes]:
    clock = {"duration", "start_time", "end_time"}
    found = {path.name: path.read_bytes() for path in Path(layout.shards(snapshot)).iterdir() if path.is_file()}
    for name in (name for name in found if name.endswith("_stats.json")):
        stats = json.loads(found[name])
        found[name] = json.dumps({key: value for key, value in stats.items() if key not in clock}).encode()
    return found


@pytest.mark.parametrize(
    ("damage", "removed"),
    [
        (flip_tar, {"00000001.tar", "00000001_stats.json"}),
        (shift_offset, {"00000001.parquet", "00000001_stats.json"}),
        (foreign_sidecar, {"00000001.parquet", "00000001_stats.json"}),
        (empty_stats, {"00000001_stats.json"}),
        (lambda layout, snapshot: Path(layout.tar(snapshot, 9)).touch(), {"00000009.tar"}),
    ],
)
def test_repair_removes_what_is_broken_and_pack_makes_it_whole(
    tiny_corpus, tiny_snapshot, damage, removed: set[str], capsys: pytest.CaptureFixture[str]
):
    layout, snapshot = tiny_snapshot
    whole = content(layout, snapshot)
    damage(layout, snapshot)
    code, told = run_verify("--root", layout.root, "--repair", capsys=capsys)
    assert code == 0
    assert {uri.rsplit("/", 1)[-1] for uri in json.loads(told)["removed"]} == removed
    assert json.loads(told)["next"] == f"python -m pipelines pack --root {layout.root} --corpus tiny"
    left = content(layout, snapshot)
    assert left.items() <= whole.items()
    assert {*left, *removed} >= set(whole)
    source = open_folder(tiny_corpus, corpus="tiny", languages=("en", "fr"))
    pack(source, layout=layout, config=PackingConfig(samples_per_shard=5, num_workers=1))
    assert content(layout, snapshot) == whole
    assert verify(layout, snapshot).problems == ()


def test_repair_of_what_is_whole_removes_nothing(tiny_snapshot, capsys: pytest.CaptureFixture[str]):
    layout, snapshot = tiny_snapshot
    before = content(layout, snapshot)
    code, told = run_verify("--root", layout.root, "--repair", capsys=capsys)
    assert (code, json.loads(told)["removed"], json.loads(told)["num_samples"]) == (0, [], 12)
    assert content(layout, snapshot) == before


def test_what_repair_cannot_mend_stays_an_error(tiny_snapshot, capsys: pytest.CaptureFixture[str]):
    layout, snapshot = tiny_snapshot
    repeat_shard_with_its_rows(layout, snapshot)
    code, told = run_verify("--root", layout.root, "--repair", capsys=capsys)
    assert (code, "Nothing that --repair could remove" in told, "stands more than once" in told) == (1, True, True)


def repeat_shard_with_its_rows(layout, snapshot):
    """Shard 0 stands again as shard 1, with a sidecar and stats that agree with the plan."""
    repeat_shard(layout, snapshot)
    table = pq.read_table(layout.sidecar(snapshot, 1), partitioning=None)
    rows = table.set_column(table.schema.get_field_index("source_row"), "source_row", [range(5, 10)])
    storage.write_table(layout.sidecar(snapshot, 1), rows.cast(table.schema))
    stats = storage.read_json(layout.stats(snapshot, 1))
    stats["sidecar_sha256"] = storage.file_sha256(layout.sidecar(snapshot, 1))
    storage.write_json(layout.stats(snapshot, 1), stats)


def test_the_command_says_what_is_wrong_in_one_line(tiny_snapshot, capsys: pytest.CaptureFixture[str]):
    flip_tar(*tiny_snapshot)
    code, told = run_verify("--root", tiny_snapshot[0].root, capsys=capsys)
    assert code == 1
    assert "Damaged media: 1 of 5 samples, first" in told
    assert "Run verify --repair, then pack again." in told


def test_a_plan_that_cannot_be_read_does_not_end_the_check_of_the_others(
    tiny_corpus, tiny_snapshot, capsys: pytest.CaptureFixture[str]
):
    layout, snapshot = tiny_snapshot
    pack(open_folder(tiny_corpus, corpus="other"), layout=layout, config=PackingConfig(num_workers=1))
    Path(layout.plan(snapshot)).write_text("{}")
    flip_tar(layout, next(one for one in all_snapshots(layout) if one.corpus == "other"), shard=0)
    code, told = run_verify("--root", layout.root, capsys=capsys)
    assert (code, "2 problems" in told, "not a plan" in told, "its sha256 is" in told) == (1, True, True, True)


def test_one_uid_for_two_contents_in_two_snapshots_is_a_contradiction(tiny_corpus, tiny_snapshot):
    layout, snapshot = tiny_snapshot
    (tiny_corpus / "food" / "apple.png").write_bytes((tiny_corpus / "food" / "bread.png").read_bytes())
    later = pack(
        open_folder(tiny_corpus, corpus="tiny", languages=("en", "fr")),
        layout=layout,
        config=PackingConfig(samples_per_shard=5, num_workers=1),
    ).snapshot
    reports = [verify(layout, one) for one in (snapshot, later)]
    assert contradictions(reports) == []
    table = pq.read_table(layout.sidecar(later, 0), partitioning=None)
    wrong = table.set_column(table.schema.get_field_index("sha256"), "sha256", [["f" * 64] * len(table)])
    storage.write_table(layout.sidecar(later, 0), wrong)
    (problem,) = contradictions([reports[0], verify(layout, later)])
    assert "stands for different media in the two" in problem


def test_members_that_the_sidecar_does_not_name_are_seen(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    path = Path(layout.tar(snapshot, 1))
    path.write_bytes(path.read_bytes() + bytes(5120))
    stats = storage.read_json(layout.stats(snapshot, 1)) | {"tar_sha256": storage.file_sha256(str(path))}
    storage.write_json(layout.stats(snapshot, 1), stats)
    assert "other than the members that its sidecar names" in verify(layout, snapshot).problems[0]


@pytest.mark.slow
def test_an_object_store_is_verified_too(tiny_corpus, s3_root: str):
    layout = Layout(s3_root)
    source = open_folder(tiny_corpus, corpus="tiny")
    snapshot = pack(source, layout=layout, config=PackingConfig(samples_per_shard=5, num_workers=1)).snapshot
    assert verify(layout, snapshot, num_workers=2).problems == ()
    data = bytearray(storage.read_bytes(layout.tar(snapshot, 1)))
    data[3000] ^= 1
    storage.write_atomic(layout.tar(snapshot, 1), bytes(data))
    report = verify(layout, snapshot)
    assert "its sha256 is" in report.problems[0]
    assert repair(layout, report) == (layout.stats(snapshot, 1), layout.tar(snapshot, 1))
    pack(source, layout=layout, config=PackingConfig(samples_per_shard=5, num_workers=1))
    assert verify(layout, snapshot).problems == ()


def test_a_store_that_does_not_answer_is_no_damage(tiny_snapshot, monkeypatch: pytest.MonkeyPatch):
    layout, snapshot = tiny_snapshot
    real = storage.read_chunks

    def fails(uri: str):
        if uri.endswith("00000001.tar"):
            raise StorageError(f"{uri}: cannot be read (timed out).") from TimeoutError()
        return real(uri)

    monkeypatch.setattr(storage, "read_chunks", fails)
    with pytest.raises(StorageError, match="timed out"):
        verify(layout, snapshot)
    with pytest.raises(StorageError, match="timed out"):
        run(Namespace(root=layout.root, corpus=None, snapshot=None, workers=1, repair=True))
    assert len(list(Path(layout.shards(snapshot)).glob("*_stats.json"))) == 3


def test_a_snapshot_that_was_never_packed_is_an_error(tiny_snapshot):
    with pytest.raises(ShardError, match="not packed"):
        verify(tiny_snapshot[0], Snapshot(corpus="other", snapshot="s"))


def test_stats_have_the_keys_of_img2dataset(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    stats = json.loads(Path(layout.stats(snapshot, 0)).read_text())
    img2dataset = {"count", "successes", "failed_to_download", "failed_to_resize", "duration", "start_time", "end_time"}
    assert img2dataset | {"status_dict", "tar_sha256", "tar_bytes", "n_by_parts"} <= set(stats)
