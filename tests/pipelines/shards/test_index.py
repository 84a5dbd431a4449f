import numpy as np
import pytest

from pipelines.errors import ShardError
from pipelines.shards.index import ShardIndex, build_index
from pipelines.shards.reading import read_sidecars
from pipelines.shards.sidecar import MEMBERS


def test_every_sample_is_found_with_its_shard_and_places(tiny_snapshot):
    index = build_index(*tiny_snapshot)
    rows = read_sidecars(*tiny_snapshot).to_pylist()
    positions = index.find([row["uid"] for row in rows])
    assert index.shard[positions].tolist() == [row["shard"] for row in rows]
    places = index.places(positions)
    assert places.offsets.tolist() == [[row[f"{member}_offset"] for member in MEMBERS] for row in rows]
    assert places.sizes.tolist() == [[row[f"{member}_size"] for member in MEMBERS] for row in rows]
    named = [[places.names[code] for code in codes] for codes in places.extensions.tolist()]
    assert named == [["png", "flac", "txt", "json"]] * 12


def test_the_index_takes_62_bytes_for_a_sample(tiny_snapshot):
    index = build_index(*tiny_snapshot)
    assert (len(index), index.num_bytes) == (12, 12 * 62)


@pytest.mark.parametrize("unknown", ["0" * 32, "f" * 32, "8" + "0" * 31])
def test_a_uid_that_is_not_there_is_named(tiny_snapshot, unknown: str):
    index = build_index(*tiny_snapshot)
    with pytest.raises(ShardError, match=f"has no sample {unknown}.*find"):
        index.find([unknown])


@pytest.mark.parametrize("wrong", ["", "12", "x" * 32, "0" * 64])
def test_what_is_no_uid_is_said_so(tiny_snapshot, wrong: str):
    with pytest.raises(ShardError, match=f"'{wrong}' is no uid"):
        build_index(*tiny_snapshot).find(["0" * 32, wrong])


def test_an_index_of_no_shards_finds_nothing(tiny_snapshot):
    index = build_index(*tiny_snapshot, shards=[])
    assert len(index) == 0
    with pytest.raises(ShardError, match="has no sample"):
        index.find(["0" * 32])


def test_uids_that_share_their_first_half_are_told_apart():
    low = np.array([3, 5, 9], np.uint64)
    index = ShardIndex(
        what="c/s",
        high=np.array([7, 7, 7], np.uint64),
        low=low,
        shard=np.arange(3, dtype=np.int32),
        start=np.zeros(3, np.int64),
        offsets=np.zeros((3, 4), np.uint32),
        sizes=np.zeros((3, 4), np.uint32),
        extensions=np.zeros((3, 2), np.uint8),
        names=("txt", "json"),
    )
    assert index.find([f"{7:016x}{half:016x}" for half in (9, 3, 5)]).tolist() == [2, 0, 1]
    with pytest.raises(ShardError, match="has no sample"):
        index.find([f"{7:016x}{4:016x}"])
