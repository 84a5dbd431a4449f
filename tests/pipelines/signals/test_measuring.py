import shutil
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipelines import storage
from pipelines.errors import ShardError, SignalError
from pipelines.layout import Layout
from pipelines.samples import Record, Reference, Snapshot
from pipelines.shards import decoding
from pipelines.shards.packing import PackingConfig, pack
from pipelines.shards.reading import read_sidecars
from pipelines.signals import measuring, members
from pipelines.signals.measuring import measure, read_signals
from pipelines.signals.schema import FAMILIES


class Things:
    """Records from a list; equal names would be refused, so names are rows."""

    corpus, snapshot, settings = "things", "one", ""

    def __init__(self, *things: dict[str, object]) -> None:
        self.things = things

    def references(self):
        return (Reference(row=row, name=str(row), group=str(row)) for row in range(len(self.things)))

    def read(self, references):
        return (self._record(reference) for reference in references)

    def _record(self, reference: Reference) -> Record:
        thing = dict(self.things[reference.row])
        caption = thing.pop("caption", "")
        for part, extension in (("image", "png"), ("audio", "flac")):
            if part in thing:
                thing[f"{part}_extension"] = extension
        return Record(
            reference=reference,
            language="en",
            texts={"en": caption} if caption else {},
            source="list",
            license="CC0-1.0",
            **thing,
        )

    def facts(self):
        return {}


@pytest.fixture
def pack_things(tmp_path):
    def make(*things: dict[str, object], samples_per_shard: int = 4) -> tuple[Layout, Snapshot]:
        layout = Layout(str(tmp_path / "root"))
        config = PackingConfig(samples_per_shard=samples_per_shard, num_workers=1)
        return layout, pack(Things(*things), layout=layout, config=config).snapshot

    return make


def files(layout: Layout) -> dict[str, bytes]:
    root = Path(layout.root) / "signals"
    paths = (path for path in sorted(root.rglob("*.*")) if path.is_file() and path.name != "_cost.json")
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


def written(layout: Layout) -> dict[str, int]:
    root = Path(layout.root) / "signals"
    return {str(path.relative_to(root)): path.stat().st_mtime_ns for path in root.rglob("*.parquet")}


def test_every_sample_has_one_row_in_source_order(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    report = measure(layout, snapshot, num_workers=1)
    table = read_signals(layout, snapshot, list(FAMILIES))
    assert table["uid"].to_pylist() == read_sidecars(layout, snapshot)["uid"].to_pylist()
    assert table.schema.names == ["uid", *(c.name for family in FAMILIES.values() for c in family.columns)]
    assert {family.num_samples for family in report.families.values()} == {12}
    assert {family.num_shards_measured for family in report.families.values()} == {3}
    assert all(family.seconds > 0 for family in report.families.values())
    assert report.num_shards == 3


def test_figures_lie_in_the_range_that_the_schema_states(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    measure(layout, snapshot, num_workers=1)
    table = read_signals(layout, snapshot, list(FAMILIES))
    for column in (column for family in FAMILIES.values() for column in family.columns if column.range):
        low, high = column.range
        values = table[column.name].drop_null().to_numpy()
        if column.name == "jpeg_quality":  # the pictures are PNG
            assert not len(values)
            continue
        assert len(values) == len(table), column.name
        assert np.isfinite(values).all(), column.name
        assert low is None or values.min() >= low, column.name
        assert high is None or values.max() <= high, column.name


def test_signals_are_those_of_the_sample_itself(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    measure(layout, snapshot, num_workers=1)
    table, sidecar = read_signals(layout, snapshot, ["image", "text", "audio"]), read_sidecars(layout, snapshot)
    assert table["width"].to_pylist() == sidecar["width"].to_pylist()
    assert table["characters"].to_pylist() == [len(caption) for caption in sidecar["caption"].to_pylist()]
    assert table["duration_seconds"].to_pylist() == sidecar["duration_seconds"].to_pylist()


def test_an_absent_modality_is_null_and_only_there(pack_things, media):
    layout, snapshot = pack_things(
        {"caption": "only text"},
        {"image": media.encoded(media.drawing(1))},
        {"audio": media.stored(media.tone(440))},
        {"caption": "all", "image": media.encoded(media.drawing(2)), "audio": media.stored(media.tone(500))},
    )
    measure(layout, snapshot, num_workers=1)
    table = read_signals(layout, snapshot, list(FAMILIES))
    present = {
        "sharpness": [False, True, False, True],
        "image_phash": [False, True, False, True],
        "words": [True, False, False, True],
        "text_minhash": [True, False, False, True],
        "loudness_lufs": [False, False, True, True],
        "audio_fingerprint": [False, False, True, True],
    }
    assert {name: table[name].is_valid().to_pylist() for name in present} == present


def test_a_modality_that_a_whole_shard_lacks_keeps_its_columns(pack_things):
    layout, snapshot = pack_things({"caption": "a"}, {"caption": "b"}, samples_per_shard=1)
    measure(layout, snapshot, num_workers=1)
    table = read_signals(layout, snapshot, list(FAMILIES))
    assert table["sharpness"].null_count == table["loudness_lufs"].null_count == 2
    assert table.schema.field("image_phash").type == pa.uint64()


def test_a_shared_member_is_decoded_once_for_all_families_and_samples(pack_things, media, monkeypatch):
    drawing, tone = media.encoded(media.drawing(1)), media.stored(media.tone(440))
    layout, snapshot = pack_things(
        *({"caption": word, "image": drawing, "audio": tone} for word in ("one", "two", "three")),
        {"caption": "four", "image": media.encoded(media.drawing(2))},
    )
    decoded = {"image": 0, "audio": 0}

    def counting(kind, decode):
        def call(data):
            decoded[kind] += 1
            return decode(data)

        return call

    for modality, decode in list(members._DECODERS.items()):
        monkeypatch.setitem(members._DECODERS, modality, counting(str(modality), decode))
    measure(layout, snapshot, num_workers=1)
    assert decoded == {"image": 2, "audio": 1}
    hashes = read_signals(layout, snapshot, ["fingerprints"])["image_phash"].to_pylist()
    assert hashes[0] == hashes[1] == hashes[2] != hashes[3]


def test_batches_do_not_change_the_files(tiny_snapshot, monkeypatch):
    layout, snapshot = tiny_snapshot
    measure(layout, snapshot, num_workers=1)
    whole = files(layout)
    shutil.rmtree(Path(layout.root) / "signals")
    monkeypatch.setattr(members, "_BATCH_MEMBERS", 2)
    measure(layout, snapshot, num_workers=1)
    assert files(layout) == whole


def test_workers_and_the_choice_of_families_do_not_change_the_files(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    measure(layout, snapshot, num_workers=1)
    alone = files(layout)
    shutil.rmtree(Path(layout.root) / "signals")
    measure(layout, snapshot, families=["fingerprints", "image"], num_workers=1)
    measure(layout, snapshot, num_workers=2)
    assert files(layout) == alone


def test_a_second_call_does_nothing_and_gives_the_same_digests(tiny_snapshot, monkeypatch):
    layout, snapshot = tiny_snapshot
    first = measure(layout, snapshot, num_workers=1)
    before = written(layout)
    monkeypatch.setattr(storage, "file_sha256", None)  # not even a digest is made again
    start = time.monotonic()
    second = measure(layout, snapshot, num_workers=1)
    assert time.monotonic() - start < 0.5
    assert written(layout) == before
    assert {family.num_shards_measured for family in second.families.values()} == {0}
    assert {name: family.digest for name, family in second.families.items()} == {
        name: family.digest for name, family in first.families.items()
    }


def test_only_what_is_missing_is_measured(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    first = measure(layout, snapshot, num_workers=1)
    before = written(layout)
    lost = Path(layout.signal("audio@1", snapshot, 1))
    lost.unlink()
    second = measure(layout, snapshot, num_workers=1)
    assert {name: family.num_shards_measured for name, family in second.families.items()} == {
        "image": 0,
        "text": 0,
        "audio": 1,
        "fingerprints": 0,
    }
    changed = {name for name, moment in written(layout).items() if moment != before[name]}
    assert changed == {str(lost.relative_to(Path(layout.root) / "signals"))}
    assert second.families["audio"].digest == first.families["audio"].digest


def test_what_was_finished_before_a_stop_is_kept(tiny_snapshot, monkeypatch):
    layout, snapshot = tiny_snapshot
    real = measuring.measure_shard

    def stopping(task):
        if task.shard == 2:
            raise KeyboardInterrupt
        return real(task)

    monkeypatch.setattr(measuring, "measure_shard", stopping)
    with pytest.raises(KeyboardInterrupt):
        measure(layout, snapshot, num_workers=1)
    before = written(layout)
    assert len(before) == 8
    monkeypatch.undo()
    report = measure(layout, snapshot, num_workers=1)
    assert {family.num_shards_measured for family in report.families.values()} == {1}
    assert {name: moment for name, moment in written(layout).items() if name in before} == before


def test_shards_that_were_packed_anew_are_measured_anew(pack_things):
    layout, snapshot = pack_things({"caption": "one"}, {"caption": "two"}, samples_per_shard=1)
    first = measure(layout, snapshot, num_workers=1)
    shutil.rmtree(layout.shards(snapshot))
    pack_things({"caption": "one"}, {"caption": "another"}, samples_per_shard=1)
    second = measure(layout, snapshot, num_workers=1)
    assert second.families["text"].num_shards_measured == 1
    assert second.families["text"].digest != first.families["text"].digest
    assert read_signals(layout, snapshot, ["text"])["characters"].to_pylist() == [3, 7]


def test_a_damaged_file_is_measured_again(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    measure(layout, snapshot, num_workers=1)
    damaged = Path(layout.signal("text@2", snapshot, 0))
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-20])
    Path(layout.measured("text@2", snapshot)).unlink()
    measure(layout, snapshot, num_workers=1)
    assert damaged.read_bytes() == whole


def test_records_that_failed_have_no_row(pack_things):
    layout, snapshot = pack_things({"caption": "good"}, {"image": b"broken"}, {"caption": "fine"})
    measure(layout, snapshot, num_workers=1)
    assert read_signals(layout, snapshot, ["text"])["characters"].to_pylist() == [4, 4]


def test_a_bad_member_names_its_shard_and_sample(tiny_snapshot, monkeypatch):
    layout, snapshot = tiny_snapshot
    monkeypatch.setattr(decoding, "MAX_IMAGE_PIXELS", 10)
    uid = read_sidecars(layout, snapshot)["uid"][0].as_py()
    with pytest.raises(SignalError, match=rf"00000000\.tar: sample {uid}: 48x48 pixels, expected at most 10"):
        measure(layout, snapshot, num_workers=1)
    assert files(layout) == {}


def test_a_damaged_tar_names_its_shard_and_sample(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    tar = Path(layout.tar(snapshot, 0))
    tar.write_bytes(bytes(len(tar.read_bytes())))
    with pytest.raises(SignalError, match=r"00000000\.tar: sample [0-9a-f]{32}: .* does not decode.*pack again"):
        measure(layout, snapshot, num_workers=1)


def test_signals_that_nobody_measured_are_an_error_that_says_so(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    measure(layout, snapshot, families=["image"], num_workers=1)
    with pytest.raises(SignalError, match=r"text@2.*not measured.*python -m pipelines measure"):
        read_signals(layout, snapshot, ["image", "text"])


def test_what_cannot_be_asked_for_is_refused(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    with pytest.raises(SignalError, match="signal family 'smell'"):
        measure(layout, snapshot, families=["smell"])
    with pytest.raises(SignalError, match="num_workers = -1"):
        measure(layout, snapshot, num_workers=-1)
    with pytest.raises(ShardError, match="not packed"):
        measure(layout, Snapshot(corpus="nothing", snapshot="here"))


def test_speech_is_measured_by_name_and_null_without_sound(pack_things, media):
    layout, snapshot = pack_things({"caption": "none"}, {"audio": media.stored(media.babble(1))})
    measure(layout, snapshot, families=["speech", "speech_quality"], num_workers=1)
    table = read_signals(layout, snapshot, ["speech", "speech_quality"])
    assert [table[name].is_valid().to_pylist() for name in table.column_names[1:]] == [[False, True]] * 5
