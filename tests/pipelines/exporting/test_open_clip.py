import json

import pytest

from pipelines.errors import ShardError
from pipelines.exporting.open_clip import export_open_clip
from pipelines.exporting.selecting import Selection
from tests.compat.corpus import SmallSource, pack_small


def test_only_pairs_of_picture_and_caption_are_counted_and_shards_without_any_left_out(packed, selection, tmp_path):
    made = export_open_clip(selection, str(tmp_path / "out"))
    assert json.loads((tmp_path / "out" / "sizes.json").read_text()) == {"00000000.tar": 2, "00000001.tar": 2}
    assert not (tmp_path / "out" / "00000002.tar").exists()
    assert made["train_data"] == f"{tmp_path}/out/{{00000000..00000001}}.tar"
    assert (tmp_path / "out" / "00000000.tar").samefile(packed.shards[0]), "a hard link, not a copy"


def test_a_gap_among_the_shards_makes_two_runs(tmp_path):
    source = SmallSource(corpus="gap", num_records=8, parts=("it", "it", "t", "it", "t", "t", "it", "it"))
    gap = pack_small(source, tmp_path / "root", samples_per_shard=1)
    made = export_open_clip(Selection(layout=gap.layout, snapshot=gap.snapshot), str(tmp_path / "out"))
    names = [run.rsplit("/", 1)[-1] for run in str(made["train_data"]).split("::")]
    assert names == ["{00000000..00000001}.tar", "00000003.tar", "{00000006..00000007}.tar"]


def test_a_corpus_without_any_pair_is_refused(tmp_path):
    sounds = pack_small(SmallSource(corpus="sounds", num_records=3, parts=("ta",)), tmp_path / "r", samples_per_shard=4)
    with pytest.raises(ShardError, match="no sample has a picture and a caption"):
        export_open_clip(Selection(layout=sounds.layout, snapshot=sounds.snapshot), str(tmp_path / "out"))
