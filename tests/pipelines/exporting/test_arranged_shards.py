from pipelines.layout import Layout
from pipelines.shards.planning import Limits
from pipelines.shards.reading import read_sidecars
from pipelines.shards.verifying import verify
from tests.pipelines.exporting.reading import by_key, keys, members, tars


def test_shuffled_samples_are_the_same_in_an_order_that_the_seed_names(packed, handing, tmp_path):
    orders = {}
    for name, seed in (("a", 1), ("b", 1), ("c", 2), ("d", None)):
        handing(seed=seed, limits=Limits(samples_per_shard=4), output=tmp_path / name).copied()
        orders[name] = members(tars(tmp_path / name))
    assert orders["a"] == orders["b"]
    assert sorted(orders["a"]) == sorted(orders["c"]) == sorted(orders["d"])
    assert len({tuple(name for name, _ in orders[one]) for one in "acd"}) == 3
    assert not verify(Layout(str(tmp_path / "a")), packed.snapshot).problems


def test_only_samples_with_all_the_modalities_asked_for_are_copied(packed, handing, tmp_path):
    handing(parts=("image", "text")).copied()
    found = {name.partition(".")[0] for name, _ in members(tars(tmp_path / "out"))}
    assert found == {sample["__key__"] for sample in packed.having("image", "txt")}


def test_members_of_other_modalities_are_left_behind_with_all_that_is_said_of_them(packed, handing, tmp_path):
    copied = handing(only=("audio", "text"), limits=Limits(samples_per_shard=4)).copied()
    expected = [
        (name, data)
        for name, data in members(packed.shards)
        if not name.endswith("jpg") and packed.having("txt").count(by_key(packed, name.partition(".")[0]))
    ]
    assert members(tars(tmp_path / "out")) == expected
    (snapshot,) = copied.splits
    assert not verify(copied.layout, snapshot).problems
    rows = read_sidecars(copied.layout, snapshot)
    assert [rows[name].null_count for name in ("image_offset", "image_sha256", "width")] == [len(rows)] * 3
    assert rows["duration_seconds"].null_count == 2, "the texts alone"


def test_samples_of_one_set_of_modalities_are_a_corpus_of_their_own(packed, handing):
    copied = handing(keys(packed, *range(10)), is_homogeneous=True).copied()
    assert {one.corpus: len(read_sidecars(copied.layout, one)) for one in copied.splits} == {
        "mine-image": 4, "mine-image-text-audio": 4, "mine-text": 2,
    }  # fmt: skip
    assert all(not verify(copied.layout, one).problems for one in copied.splits)


def test_splits_taken_apart_are_corpora_of_their_own(packed, handing):
    splits = keys(packed, 0, 1, 2) | {packed.samples[5]["__key__"]: "held_out_voice"}
    copied = handing(splits).copied(by_split=True)
    assert {one.corpus: split for one, split in copied.splits.items()} == {
        "mine-train": "train", "mine-held_out_voice": "held_out_voice",
    }  # fmt: skip


def test_further_copies_of_a_weight_are_snapshots_of_their_own(packed, handing):
    uids = [sample["__key__"] for sample in packed.samples]
    weights = {uids[0]: 3.0, uids[1]: 2.0, uids[2]: 0.0}
    copied = handing(keys(packed, 0, 1, 2, 3), weights, is_weighted=True).copied()
    found = [set(read_sidecars(copied.layout, one)["uid"].to_pylist()) for one in copied.splits]
    assert found == [{uids[0], uids[1], uids[3]}, {uids[0], uids[1]}, {uids[0]}]
    assert [one.snapshot.partition("-")[2] for one in copied.splits] == ["", "copy1", "copy2"]
