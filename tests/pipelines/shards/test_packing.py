import errno
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from pipelines.errors import ShardError, SourceError, StorageError
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards import packing
from pipelines.shards.media import MediaProfile
from pipelines.shards.packing import PackingConfig, num_shards, pack, snapshot_digest
from pipelines.shards.reading import read_sidecars
from pipelines.shards.tar import TarWriter
from pipelines.shards.verifying import verify
from pipelines.sources.folder import open_folder
from pipelines.sources.source import SourceSubset

SMALL = PackingConfig(samples_per_shard=5, num_workers=1)
PACKS = """
import sys
from pathlib import Path
from pipelines.layout import Layout
from pipelines.shards import packing
from pipelines.shards.media import MediaProfile
from pipelines.shards.packing import PackingConfig, pack
from pipelines.sources.folder import open_folder
source = open_folder(Path(sys.argv[1]), corpus="tiny")
pack(source, layout=Layout(sys.argv[2]), config=PackingConfig(samples_per_shard=1, num_workers=2))
"""


def content(root: Path) -> dict[str, bytes]:
    """Tars, sidecars and plan; stats without the clock."""
    found = {}
    for path in sorted(root.rglob("*")):
        if path.suffix == ".json" and path.name != "_plan.json":
            clock = {"duration", "start_time", "end_time"}
            stats = {name: value for name, value in json.loads(path.read_text()).items() if name not in clock}
            found[str(path.relative_to(root))] = json.dumps(stats).encode()
        elif path.is_file():
            found[str(path.relative_to(root))] = path.read_bytes()
    return found


def test_the_report_counts_what_was_packed(tiny_corpus: Path, tmp_path: Path):
    report = pack(open_folder(tiny_corpus, corpus="tiny"), layout=Layout(str(tmp_path / "r")), config=SMALL)
    assert (report.num_records, report.num_samples, report.num_shards, report.num_shards_written) == (12, 12, 3, 3)
    assert report.num_by_status == {"success": 12}
    assert report.num_by_modalities == {"image+text+audio": 12}
    assert report.num_by_language == {"en": 6, "fr": 6}
    assert report.num_by_license == {"CC0-1.0": 12}
    assert report.num_bytes == sum(path.stat().st_size for path in (tmp_path / "r").rglob("*.tar"))
    assert report.digest == snapshot_digest(Layout(str(tmp_path / "r")), report.snapshot)


def test_the_same_input_gives_the_same_bytes_whatever_the_number_of_workers(tiny_corpus: Path, tmp_path: Path):
    for name, num_workers in (("one", 1), ("two", 2)):
        config = PackingConfig(samples_per_shard=5, num_workers=num_workers)
        pack(open_folder(tiny_corpus, corpus="tiny"), layout=Layout(str(tmp_path / name)), config=config)
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_digests_made_on_a_spare_core_change_nothing(tiny_corpus: Path, tmp_path: Path, monkeypatch):
    for name, cores in (("one", 1), ("four", 4)):
        monkeypatch.setattr(packing, "num_cores", lambda cores=cores: cores)
        pack(open_folder(tiny_corpus, corpus="tiny"), layout=Layout(str(tmp_path / name)), config=SMALL)
    assert content(tmp_path / "one") == content(tmp_path / "four")


def test_packing_again_writes_nothing_and_reports_the_same(tiny_corpus: Path, tmp_path: Path):
    source, layout = open_folder(tiny_corpus, corpus="tiny"), Layout(str(tmp_path / "r"))
    first = pack(source, layout=layout, config=SMALL)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "r").rglob("*")}
    start = time.monotonic()
    second = pack(source, layout=layout, config=SMALL)
    assert time.monotonic() - start < 0.5
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "r").rglob("*")} == before
    assert (second.num_shards_written, second.digest) == (0, first.digest)
    assert second.num_by_status == first.num_by_status


def test_only_what_is_missing_is_built_and_ends_the_same(tiny_corpus: Path, tmp_path: Path):
    source, layout = open_folder(tiny_corpus, corpus="tiny"), Layout(str(tmp_path / "r"))
    snapshot = pack(source, layout=layout, config=SMALL).snapshot
    whole = content(tmp_path / "r")
    Path(layout.stats(snapshot, 1)).unlink()
    Path(layout.tar(snapshot, 1)).write_bytes(b"half a tar")
    kept = Path(layout.tar(snapshot, 0)).stat().st_mtime_ns
    with pytest.raises(ShardError, match=r"1 of 3 shards are missing \(first 00000001\)"):
        num_shards(layout, snapshot)
    assert pack(source, layout=layout, config=SMALL).num_shards_written == 1
    assert content(tmp_path / "r") == whole
    assert Path(layout.tar(snapshot, 0)).stat().st_mtime_ns == kept


def test_a_run_killed_at_any_moment_ends_like_one_that_was_not(tiny_corpus: Path, tmp_path: Path):
    config = PackingConfig(samples_per_shard=1, num_workers=1)
    source = open_folder(tiny_corpus, corpus="tiny")
    snapshot = pack(source, layout=Layout(str(tmp_path / "whole")), config=config).snapshot
    root = tmp_path / "killed"
    process = subprocess.Popen([sys.executable, "-c", PACKS, tiny_corpus, root], stderr=subprocess.DEVNULL)
    while process.poll() is None and len(list(root.rglob("*_stats.json"))) < 3:
        time.sleep(0.002)
    process.kill()
    process.wait()
    (Path(Layout(str(root)).shards(snapshot)) / ".00000003.tar.999999999.partial").write_bytes(b"left behind")
    time.sleep(1)  # orphaned workers look for their parent twice a second
    pack(source, layout=Layout(str(root)), config=config)
    assert content(root) == content(tmp_path / "whole")


def test_a_bad_record_is_a_row_with_a_reason(tiny_corpus: Path, tmp_path: Path):
    whole = (tiny_corpus / "food" / "apple.png").read_bytes()
    (tiny_corpus / "food" / "apple.png").write_bytes(whole[:200])
    (tiny_corpus / "animals" / "cat.en.flac").write_bytes(b"")
    (tiny_corpus / "animals" / "dog.fr.txt").write_bytes(b"\xff\xfe")
    (tiny_corpus / "vehicles" / "car.json").write_text('{"caption": "\\ud800"}')
    report = pack(open_folder(tiny_corpus, corpus="tiny"), layout=Layout(str(tmp_path / "r")), config=SMALL)
    assert report.num_by_status == {"success": 5, "failed_to_decode": 5, "refused": 2}
    table = read_sidecars(Layout(str(tmp_path / "r")), report.snapshot)
    reasons = {row["reference"]: row["error_message"] for row in table.to_pylist() if row["status"] != "success"}
    assert len(table) == 12
    assert "image of 200 bytes does not decode" in reasons["food/apple.en.flac"]
    assert reasons["animals/cat.en.flac"] == "clip of zero bytes"
    assert "dog.fr.txt: not UTF-8" in reasons["animals/dog.en.flac"]
    assert "lone surrogate" in reasons["vehicles/car.fr.flac"]
    assert all(row["uid"] is None for row in table.to_pylist() if row["status"] != "success")


def hostile(tiny_corpus: Path, count: int) -> None:
    for number in range(count):
        (tiny_corpus / f"zz{number:03d}.png").write_bytes(b"no picture")


def test_too_high_a_rate_of_failures_names_the_commonest_reasons(tiny_corpus: Path, tmp_path: Path):
    hostile(tiny_corpus, 90)
    source, layout = open_folder(tiny_corpus, corpus="tiny"), Layout(str(tmp_path / "r"))
    for _ in range(2):  # committed shards do not hide it
        with pytest.raises(
            SourceError, match=r"90 of 102 records failed.*Most often: 90 x failed_to_decode: .*such as zz000\.png"
        ):
            pack(source, layout=layout, config=SMALL)
    allowed = PackingConfig(samples_per_shard=5, num_workers=1, max_failure_rate=0.9)
    assert pack(source, layout=layout, config=allowed).num_samples == 12


def test_many_failures_in_a_row_stop_the_run(tiny_corpus: Path, tmp_path: Path):
    hostile(tiny_corpus, 20)
    config = PackingConfig(num_workers=1, max_consecutive_failures=15)
    with pytest.raises(SourceError, match=r"15 records in a row failed, first zz000\.png"):
        pack(open_folder(tiny_corpus, corpus="tiny"), layout=Layout(str(tmp_path / "r")), config=config)
    assert not list((tmp_path / "r").rglob("*.tar*"))


def test_a_corpus_without_one_good_record_is_refused_however_small(tmp_path: Path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.png").write_bytes(b"x")
    with pytest.raises(SourceError, match="1 of 1 records failed"):
        pack(open_folder(tmp_path / "bad", corpus="bad"), layout=Layout(str(tmp_path / "r")), config=SMALL)


class Twice(SourceSubset):
    """Lists every reference of a source twice."""

    def references(self):
        yield from self.source.references()
        yield from self.source.references()


def test_a_record_listed_twice_is_kept_once(tiny_corpus: Path, tmp_path: Path):
    source = Twice(source=open_folder(tiny_corpus, corpus="tiny"), step=1)
    report = pack(source, layout=Layout(str(tmp_path / "r")), config=SMALL)
    assert report.num_by_status == {"success": 12, "duplicate_key": 12}
    uids = read_sidecars(Layout(str(tmp_path / "r")), report.snapshot)["uid"].drop_null().to_pylist()
    assert len(uids) == len(set(uids)) == 12


def test_a_plan_of_another_shard_size_is_not_mixed_with(tiny_corpus: Path, tmp_path: Path):
    source, layout = open_folder(tiny_corpus, corpus="tiny"), Layout(str(tmp_path / "r"))
    pack(source, layout=layout, config=SMALL)
    with pytest.raises(ShardError, match="planned with samples_per_shard = 5, asked for 6"):
        pack(source, layout=layout, config=PackingConfig(samples_per_shard=6, num_workers=1))


class Renamed(SourceSubset):
    """Another listing under the name of the first."""

    @property
    def snapshot(self) -> str:
        return self.source.snapshot


def test_a_changed_source_under_an_old_name_is_refused(tiny_corpus: Path, tmp_path: Path):
    source, layout = open_folder(tiny_corpus, corpus="tiny"), Layout(str(tmp_path / "r"))
    snapshot = pack(source, layout=layout, config=SMALL).snapshot
    Path(layout.stats(snapshot, 0)).unlink()
    with pytest.raises(ShardError, match="does not list the 12 records"):
        pack(Renamed(source=source, step=2), layout=layout, config=SMALL)


def test_a_root_that_cannot_be_written_says_so(tiny_corpus: Path, tmp_path: Path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageError, match=r"cannot be locked .*Not a directory"):
        pack(open_folder(tiny_corpus, corpus="tiny"), layout=Layout(str(tmp_path / "file" / "r")), config=SMALL)


def test_a_full_disk_leaves_nothing_half_written(tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(_self):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(TarWriter, "_flush", full)
    with pytest.raises(StorageError, match="No space left"):
        pack(open_folder(tiny_corpus, corpus="tiny"), layout=Layout(str(tmp_path / "r")), config=SMALL)
    assert [path.name for path in (tmp_path / "r").rglob("*") if path.is_file()] == ["_plan.json"]


def test_a_snapshot_that_was_never_packed_says_how_to(tmp_path: Path):
    with pytest.raises(ShardError, match=r"not packed under .*python -m pipelines pack"):
        num_shards(Layout(str(tmp_path)), Snapshot(corpus="c", snapshot="s"))


@pytest.mark.parametrize("wrong", [{"samples_per_shard": 0}, {"num_workers": -1}, {"max_failure_rate": 1.5}])
def test_settings_out_of_range_are_refused(wrong: dict[str, float]):
    with pytest.raises(SourceError, match=next(iter(wrong))):
        PackingConfig(**wrong)


def test_another_profile_is_another_snapshot_with_other_bytes(tiny_corpus: Path, tmp_path: Path):
    source, layout = open_folder(tiny_corpus, corpus="tiny"), Layout(str(tmp_path / "r"))
    original = pack(source, layout=layout, config=SMALL)
    train = pack(source, layout=layout, config=replace(SMALL, profile=MediaProfile(name="train")))
    assert train.snapshot.snapshot == f"{original.snapshot.snapshot}-train256q92a16"
    assert train.num_shards_reused == 0
    rows = read_sidecars(layout, train.snapshot).to_pylist()
    assert {(row["image_extension"], row["sample_rate_hz"]) for row in rows} == {("jpg", 16_000)}
    assert all(row["sha256"] != row["sha256_stored"] for row in rows)
    assert verify(layout, train.snapshot).problems == ()


def test_faces_turn_with_the_picture(tmp_path: Path):
    folder = tmp_path / "faces"
    folder.mkdir()
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.new("RGB", (40, 20)).save(folder / "a.jpg", exif=exif)
    (folder / "a.json").write_text(json.dumps({"face_bboxes": [[0.0, 0.0, 0.5, 0.25]]}))
    layout = Layout(str(tmp_path / "r"))
    boxes = {"original": [0.0, 0.0, 0.5, 0.25], "train": [0.75, 0.0, 1.0, 0.5]}
    for name, size in (("original", (40, 20)), ("train", (20, 40))):
        config = replace(SMALL, profile=MediaProfile(name=name))
        snapshot = pack(open_folder(folder, corpus="faces"), layout=layout, config=config).snapshot
        (row,) = read_sidecars(layout, snapshot).to_pylist()
        assert (row["width"], row["height"], row["original_width"]) == (*size, 40)
        assert row["face_bboxes"] == [boxes[name]]
