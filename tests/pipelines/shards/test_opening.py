import pickle
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from pipelines.errors import ShardError
from pipelines.layout import Layout
from pipelines.samples import sha256
from pipelines.shards import opening
from pipelines.shards.opening import open_snapshot
from pipelines.shards.packing import PackingConfig, pack
from pipelines.shards.reading import read_raw, read_sidecars
from pipelines.sources.folder import open_folder


def shuffled(layout, snapshot) -> list[dict]:
    rows = read_sidecars(layout, snapshot).to_pylist()
    random.Random(0).shuffle(rows)
    return rows


def test_samples_come_in_the_order_asked_for_with_every_member(tiny_snapshot):
    rows = shuffled(*tiny_snapshot)
    with open_snapshot(*tiny_snapshot) as opened:
        found = list(opened.read_by_uid([row["uid"] for row in rows] * 50))
    assert [uid for uid, _ in found] == [row["uid"] for row in rows] * 50
    for row, (_, members) in zip(rows, found[:12], strict=True):
        assert set(members) == {"png", "flac", "txt", "json"}
        assert (sha256(members["png"]), sha256(members["flac"])) == (row["image_sha256"], row["audio_sha256"])
        assert members["txt"].decode() == row["caption"]


def test_only_the_members_asked_for_are_read(tiny_snapshot):
    uids = [row["uid"] for row in shuffled(*tiny_snapshot)]
    with open_snapshot(*tiny_snapshot) as opened:
        assert {tuple(found) for _, found in opened.read_by_uid(uids, members=("text",))} == {("txt",)}
        assert {len(found) for _, found in opened.read_by_uid(uids, members=("audio", "json"))} == {2}


def test_decoded_samples_are_arrays(tiny_snapshot):
    rows = shuffled(*tiny_snapshot)
    with open_snapshot(*tiny_snapshot) as opened:
        for row, sample in zip(rows, opened.decode_by_uid(row["uid"] for row in rows), strict=True):
            assert (sample.image.shape, sample.image.dtype) == ((48, 48, 3), np.uint8)
            assert (sample.audio.shape, sample.audio.dtype, sample.sample_rate_hz) == ((8000, 1), np.float32, 16_000)
            assert (sample.uid, sample.text, sample.json["group"]) == (row["uid"], row["caption"], row["group"])
        only = next(opened.decode_by_uid([rows[0]["uid"]], members=("text",)))
        assert (only.image, only.audio, only.sample_rate_hz, only.json) == (None, None, None, None)


def test_a_pass_over_a_shard_gives_the_same_members(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    with open_snapshot(layout, snapshot) as opened:
        for shard in range(3):
            passed = dict(read_raw(layout, snapshot, shard))
            assert passed == dict(opened.read_by_uid(passed))


def test_samples_without_a_modality_have_no_such_member(tmp_path: Path, tiny_media: tuple[bytes, bytes]):
    (tmp_path / "in").mkdir()
    for name, data in zip(("a.png", "b.flac"), tiny_media, strict=True):
        (tmp_path / "in" / name).write_bytes(data)
    layout = Layout(str(tmp_path / "root"))
    snapshot = pack(open_folder(tmp_path / "in", corpus="parts"), layout=layout).snapshot
    uids = {next(iter(found)): uid for uid, found in read_raw(layout, snapshot, 0)}
    with open_snapshot(layout, snapshot) as opened:
        asked = [uids["png"], uids["flac"]]
        assert [set(found) for _, found in opened.read_by_uid(asked, members=("image",))] == [{"png"}, set()]
        assert [set(found) for _, found in opened.read_by_uid(asked, members=("text",))] == [set(), set()]
        picture, clip = opened.decode_by_uid(asked)
    assert (picture.audio, picture.text, clip.image, clip.text) == (None, None, None, None)


def test_an_object_store_gives_the_same(tiny_corpus: Path, tiny_snapshot, s3_root: str):
    remote = Layout(s3_root)
    snapshot = pack(
        open_folder(tiny_corpus, corpus="tiny", languages=("en", "fr")),
        layout=remote,
        config=PackingConfig(samples_per_shard=5, num_workers=1),
    ).snapshot
    uids = [row["uid"] for row in shuffled(*tiny_snapshot)]
    with open_snapshot(remote, snapshot) as there, open_snapshot(*tiny_snapshot) as here:
        assert list(there.read_by_uid(uids)) == list(here.read_by_uid(uids))


def test_threads_may_share_it_while_tars_are_put_away(tiny_snapshot, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(opening, "_OPEN_TARS", 1)
    uids = [row["uid"] for row in shuffled(*tiny_snapshot)] * 20
    with open_snapshot(*tiny_snapshot) as opened, ThreadPoolExecutor(4) as threads:
        passes = list(threads.map(lambda _: list(opened.read_by_uid(uids)), range(8)))
    assert all(found == passes[0] for found in passes)


def test_a_worker_gets_a_copy(tiny_snapshot):
    uids = [row["uid"] for row in shuffled(*tiny_snapshot)]
    with open_snapshot(*tiny_snapshot) as opened:
        expected = list(opened.read_by_uid(uids))
        with pickle.loads(pickle.dumps(opened)) as copy:  # noqa: S301
            assert list(copy.read_by_uid(uids)) == expected


def test_a_tar_that_is_cut_short_or_gone_is_named(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    uids = [row["uid"] for row in read_sidecars(layout, snapshot).to_pylist()]
    Path(layout.tar(snapshot, 2)).write_bytes(b"half")
    Path(layout.tar(snapshot, 1)).unlink()
    with open_snapshot(layout, snapshot) as opened:
        assert len(list(opened.read_by_uid(uids[:5]))) == 5
        with pytest.raises(ShardError, match=r"00000001\.tar: not there"):
            list(opened.read_by_uid(uids[5:6]))
        with pytest.raises(ShardError, match=r"00000002\.tar: 0 bytes at .*cut short.*verify --repair"):
            list(opened.read_by_uid(uids[-1:]))


def test_a_sample_that_does_not_decode_is_named(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    row = read_sidecars(layout, snapshot).to_pylist()[0]
    with open(layout.tar(snapshot, 0), "r+b") as tar:  # noqa: PTH123
        tar.seek(row["image_offset"])
        tar.write(b"broken")
    with (
        open_snapshot(layout, snapshot) as opened,
        pytest.raises(ShardError, match=f"sample {row['uid']}: image of .* does not decode.*verify"),
    ):
        list(opened.decode_by_uid([row["uid"]]))
