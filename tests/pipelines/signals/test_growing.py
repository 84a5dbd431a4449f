"""A snapshot that grows, and one that shares shards with another, cost what is new."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines import storage
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.packing import PackingConfig, pack
from pipelines.shards.reading import read_sidecars
from pipelines.signals.files import Shards
from pipelines.signals.markers import read_marker
from pipelines.signals.measuring import MeasureReport, measure, read_signals
from tests.pipelines.shards.listed import Listed

CONFIG = PackingConfig(samples_per_shard=2, num_workers=1, max_failure_rate=1.0)
ONE = Listed(names=("a", "b", "c", "d", "e"))
TWO = replace(ONE, names=(*ONE.names, "f", "g"), snapshot="two")
FAMILIES = ["text", "fingerprints"]


def measured(layout: Layout, source: Listed, config: PackingConfig = CONFIG) -> MeasureReport:
    snapshot = pack(source, layout=layout, config=config).snapshot
    return measure(layout, snapshot, families=FAMILIES, num_workers=1)


def work(report: MeasureReport) -> set[tuple[int, int]]:
    """(measured, linked) shards of the families."""
    return {(one.num_shards_measured, one.num_shards_reused) for one in report.families.values()}


def content(layout: Layout, snapshot: str) -> dict[str, bytes]:
    root = Path(layout.root) / "signals"
    paths = (path for path in root.glob(f"*/listed/{snapshot}/*") if path.name != "_cost.json")
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


def test_a_retry_shard_costs_only_itself_and_nothing_else_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    layout, weather = Layout(str(tmp_path / "root")), tmp_path / "weather.json"
    source = replace(ONE, weather=weather)
    weather.write_text(json.dumps({"b": "away"}))
    first = measured(layout, source)
    assert work(first) == {(3, 0)}
    weather.write_text("{}")
    pack(source, layout=layout, config=CONFIG)
    read: list[str] = []
    real = storage.file_sha256
    monkeypatch.setattr(storage, "file_sha256", lambda uri: read.append(uri) or real(uri))
    monkeypatch.setattr("pipelines.signals.files._tar_of", None)  # no footer is read of what the marker knows
    second = measure(layout, first.snapshot, families=FAMILIES, num_workers=1)
    assert work(second) == {(1, 0)}
    assert {uri.rsplit("/", 1)[-1] for uri in read} == {"00000003.parquet"}
    assert second.families["text"].digest != first.families["text"].digest
    assert second.families["text"].num_samples_measured == 1
    assert second.families["text"].num_samples_in_all == 5
    assert second.families["text"].seconds_in_all > second.families["text"].seconds > 0
    samples = [row["uid"] for row in read_sidecars(layout, first.snapshot).to_pylist() if row["status"] == "success"]
    assert read_signals(layout, first.snapshot, FAMILIES)["uid"].to_pylist() == samples


def test_a_grown_snapshot_ends_as_if_it_had_been_measured_at_once(tmp_path: Path):
    layout, weather = Layout(str(tmp_path / "grown")), tmp_path / "weather.json"
    source = replace(ONE, weather=weather)
    for happens in ({"b": "away"}, {}):
        weather.write_text(json.dumps(happens))
        grown = measured(layout, source)
    whole = content(layout, "one")
    shutil.rmtree(Path(layout.root) / "signals")
    again = measure(layout, grown.snapshot, families=FAMILIES, num_workers=1)
    assert work(again) == {(4, 0)}
    assert content(layout, "one") == whole
    assert again.families["text"].digest == grown.families["text"].digest


def test_shards_that_an_older_snapshot_has_are_linked(tmp_path: Path):
    layout, fresh = Layout(str(tmp_path / "root")), Layout(str(tmp_path / "fresh"))
    measured(layout, ONE)
    report = measured(layout, TWO)
    assert work(report) == {(2, 2)}
    older = Path(layout.signal("text@2", Snapshot(corpus="listed", snapshot="one"), 0))
    assert older.samefile(Path(layout.signal("text@2", report.snapshot, 0)))
    assert work(measured(fresh, TWO)) == {(4, 0)}
    assert content(layout, "two") == content(fresh, "two")


def test_a_linked_file_is_found_by_its_tar_wherever_it_stands(tmp_path: Path):
    layout = Layout(str(tmp_path))
    weather = tmp_path / "weather.json"
    weather.write_text("{}")
    measured(layout, ONE)
    other = Snapshot(corpus="listed", snapshot="other")
    shutil.copytree(layout.shards(Snapshot(corpus="listed", snapshot="one")), layout.shards(other))
    swap(layout, other, 0, 1)
    report = measure(layout, other, families=FAMILIES, num_workers=1)
    assert work(report) == {(0, 3)}
    samples = read_sidecars(layout, other)["uid"].to_pylist()
    assert read_signals(layout, other, ["text"])["uid"].to_pylist() == samples


def swap(layout: Layout, snapshot: Snapshot, one: int, two: int) -> None:
    for place in (layout.tar, layout.sidecar, layout.stats):
        here, there = Path(place(snapshot, one)), Path(place(snapshot, two))
        data = here.read_bytes()
        here.write_bytes(there.read_bytes())
        there.write_bytes(data)


def test_a_new_file_leaves_the_one_it_was_linked_to_alone(tmp_path: Path):
    layout = Layout(str(tmp_path))
    measured(layout, ONE)
    before = content(layout, "one")
    report = measured(layout, TWO)
    Path(layout.tar(report.snapshot, 0)).touch()
    lost = Path(layout.signal("text@2", report.snapshot, 0))
    lost.unlink()
    lost.write_bytes(b"damaged")
    Path(layout.measured("text@2", report.snapshot)).unlink()
    assert measure(layout, report.snapshot, families=["text"], num_workers=1).families["text"].num_shards_reused == 1
    assert content(layout, "one") == before
    assert lost.read_bytes() == before["text@2/listed/one/00000000.parquet"]


def test_a_marker_of_an_earlier_release_knows_no_files_and_grows_all_the_same(tmp_path: Path):
    layout = Layout(str(tmp_path))
    first = measured(layout, ONE)
    uri = layout.measured("text@2", first.snapshot)
    old = storage.read_json(uri)
    del old["files"]
    storage.write_json(uri, old)
    assert work(measure(layout, first.snapshot, families=FAMILIES, num_workers=1)) == {(0, 0)}
    Path(layout.signal("text@2", first.snapshot, 1)).unlink()
    report = measure(layout, first.snapshot, families=["text"], num_workers=1)
    assert report.families["text"].num_shards_measured == 1
    assert report.families["text"].digest == first.families["text"].digest
    assert len(read_marker(layout, "text@2", first.snapshot).files) == 3


def test_a_stop_before_the_marker_does_not_make_old_files_look_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Shards become others, are measured, the run is stopped, and they become again what they were."""

    def stop(*_: object, **__: object) -> str:
        raise KeyboardInterrupt

    layout = Layout(str(tmp_path))
    first = measured(layout, ONE)
    swap(layout, first.snapshot, 0, 1)
    monkeypatch.setattr(Shards, "remember", stop)
    with pytest.raises(KeyboardInterrupt):
        measure(layout, first.snapshot, families=["text"], num_workers=1)
    monkeypatch.undo()
    swap(layout, first.snapshot, 0, 1)
    again = measure(layout, first.snapshot, families=["text"], num_workers=1)
    assert again.families["text"].num_shards_measured == 2
    assert again.families["text"].digest == first.families["text"].digest


def test_on_an_object_store_a_snapshot_grows_alike(tmp_path: Path, s3_root: str):
    here, there = Layout(str(tmp_path)), Layout(s3_root)
    digests = []
    for layout in (here, there):
        measured(layout, ONE)
        report = measured(layout, TWO)
        assert work(report) == {(2, 2)}
        assert work(measure(layout, report.snapshot, families=FAMILIES, num_workers=1)) == {(0, 0)}
        digests.append({name: family.digest for name, family in report.families.items()})
    assert digests[0] == digests[1]
