import fsspec
import pytest

from pipelines.errors import ShardError
from pipelines.layout import Layout
from pipelines.samples import sha256
from pipelines.shards.reading import read_members, read_shard, read_sidecar, read_sidecars
from pipelines.shards.sidecar import SIDECAR


def test_reading_gives_back_what_was_written(tiny_corpus, tiny_snapshot):
    samples = [sample for shard in range(3) for sample in read_shard(*tiny_snapshot, shard)]
    assert len(samples) == 12
    for sample in samples:
        assert sample.image == (tiny_corpus / f"{sample.row['group']}.png").read_bytes()
        assert sample.audio == (tiny_corpus / str(sample.row["reference"])).read_bytes()
        assert sample.text == sample.row["caption"] == sample.row["texts"][sample.row["language"]]
        assert sample.row["audio_sha256"] == sha256(sample.audio)


def test_only_the_members_asked_for_are_read(tiny_snapshot):
    sample = next(read_shard(*tiny_snapshot, 0, members=("audio",)))
    assert (sample.image, sample.text, sample.audio is not None) == (None, "", True)


def test_sidecars_hold_every_row_in_source_order(tiny_snapshot):
    table = read_sidecars(*tiny_snapshot)
    assert table["source_row"].to_pylist() == list(range(12))
    assert table["shard"].to_pylist() == [0] * 5 + [1] * 5 + [2] * 2
    assert read_sidecar(*tiny_snapshot, 0).schema == SIDECAR


def test_members_are_read_by_offset_here_and_from_an_object_store(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    rows = read_sidecar(layout, snapshot, 0).to_pylist()
    ranges = [(row["text_offset"], row["text_size"]) for row in reversed(rows)]
    uri = layout.tar(snapshot, 0)
    with open(uri, "rb") as local, fsspec.open("memory://shard.tar", "wb") as remote:  # noqa: PTH123
        remote.write(local.read())
    expected = [row["caption"].encode() for row in reversed(rows)]
    assert list(read_members(uri, ranges)) == list(read_members("memory://shard.tar", ranges)) == expected


def test_a_shard_without_stats_is_not_there(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    with pytest.raises(ShardError, match="has no stats"):
        read_sidecar(layout, snapshot, 7)


def test_a_tar_cut_short_is_named(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    with open(layout.tar(snapshot, 0), "r+b") as tar:  # noqa: PTH123
        tar.truncate(1000)
    with pytest.raises(ShardError, match=r"00000000\.tar: \d+ bytes at \d+, the sidecar says"):
        list(read_shard(layout, snapshot, 0))


def test_a_tar_that_is_gone_is_named(tmp_path):
    with pytest.raises(ShardError, match="not there"):
        list(read_members(str(tmp_path / "gone.tar"), [(0, 1)]))


def test_a_whole_snapshot_packs_and_reads_on_an_object_store(tiny_corpus):
    from pipelines.shards.packing import PackingConfig, pack
    from pipelines.sources.folder import open_folder

    layout = Layout("memory://bucket/root")
    report = pack(open_folder(tiny_corpus, corpus="tiny"), layout=layout, config=PackingConfig(num_workers=1))
    assert len(list(read_shard(layout, report.snapshot, 0))) == 12
    assert pack(open_folder(tiny_corpus, corpus="tiny"), layout=layout).num_shards_written == 0
