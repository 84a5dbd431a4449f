import json
import shlex

import pytest

from pipelines.errors import ShardError
from pipelines.exporting.open_clip import export_open_clip
from pipelines.exporting.selecting import whole_snapshot
from tests.compat.corpus import SmallSource, pack_small


def test_only_pairs_of_picture_and_caption_are_counted_and_shards_without_any_left_out(packed, handing, tmp_path):
    made = export_open_clip(handing())
    assert json.loads((tmp_path / "out" / "sizes.json").read_text()) == {"00000000.tar": 2, "00000001.tar": 2}
    assert not (tmp_path / "out" / "00000002.tar").exists()
    assert made["train_data"] == f"{tmp_path}/out/{{00000000..00000001}}.tar"
    assert (tmp_path / "out" / "00000000.tar").samefile(packed.shards[0]), "a hard link, not a copy"


def test_a_gap_among_the_shards_makes_two_runs(handing, tmp_path):
    source = SmallSource(corpus="gap", num_records=8, parts=("it", "it", "t", "it", "t", "t", "it", "it"))
    gap = pack_small(source, tmp_path / "root", samples_per_shard=1)
    made = export_open_clip(handing(selection=whole_snapshot(gap.layout, gap.snapshot)))
    names = [run.rsplit("/", 1)[-1] for run in str(made["train_data"]).split("::")]
    assert names == ["{00000000..00000001}.tar", "00000003.tar", "{00000006..00000007}.tar"]


def test_a_corpus_without_any_pair_is_refused(handing, tmp_path):
    sounds = pack_small(SmallSource(corpus="sounds", num_records=3, parts=("ta",)), tmp_path / "r", samples_per_shard=4)
    with pytest.raises(ShardError, match="no sample has a picture and a caption"):
        export_open_clip(handing(selection=whole_snapshot(sounds.layout, sounds.snapshot)))


def test_the_arguments_of_the_trainer_are_written_as_a_shell_takes_them(handing, tmp_path):
    made = export_open_clip(handing())
    arguments = shlex.split((tmp_path / "out" / "train_arguments.txt").read_text())
    assert arguments == [
        "--dataset-type", "webdataset", "--train-data", made["train_data"], "--train-num-samples", "4",
    ]  # fmt: skip


def test_sizes_of_copies_in_several_folders_would_be_mistaken_for_each_other(packed, handing, tmp_path):
    uid = packed.samples[0]["__key__"]
    made = export_open_clip(handing({uid: "train"}, {uid: 2.0}, is_weighted=True))
    assert made["num_samples"] == 2
    assert len(str(made["train_data"]).split("::")) == 2
    assert not list((tmp_path / "out").rglob("sizes.json"))
