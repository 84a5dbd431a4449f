"""A view over two corpora is one export."""

import json
import sqlite3
import tarfile
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from pipelines.exporting.datacomp import export_datacomp
from pipelines.exporting.energon import export_energon
from pipelines.exporting.wids import export_wids
from pipelines.shards.verifying import verify
from tests.compat.corpus import Packed, SmallSource, pack_small
from tests.compat.handing import keeping


@pytest.fixture
def other(packed) -> Packed:
    """Six samples in two shards of the same root."""
    source = SmallSource(corpus="other", num_records=6, parts=("it", "ta"))
    return pack_small(source, packed.root, samples_per_shard=4)


@pytest.fixture
def of_both(selection, packed, other, handing):
    """What is exported of the two, by positions of samples."""

    def make(first: tuple[int, ...], second: tuple[int, ...]):
        uids = [packed.samples[row]["__key__"] for row in first] + [other.samples[row]["__key__"] for row in second]
        both = replace(selection, snapshots=(packed.snapshot, other.snapshot))
        return handing(selection=keeping(both, dict.fromkeys(uids, "train"))), uids

    return make


def test_new_shards_hold_the_samples_of_both_in_their_order(of_both):
    made, uids = of_both((1, 2, 9), (0, 4, 5))
    copied = made.copied()
    (snapshot,) = copied.splits
    assert not verify(copied.layout, snapshot).problems
    with tarfile.open(copied.layout.tar(snapshot, 0)) as tar:
        assert list(dict.fromkeys(member.name.partition(".")[0] for member in tar)) == uids


def test_energon_names_the_tars_of_both_by_their_corpus(of_both, tmp_path):
    made, uids = of_both((0, 1, 2), (3,))
    assert export_energon(made)["num_samples"] == 4
    split = json.loads((tmp_path / "out" / ".nv-meta" / "split.yaml").read_text())
    assert split["split_parts"]["train"][0] == "small/v1/00000000.tar"
    assert "other/v1/00000001.tar" in split["exclude"], "nothing of it is kept"
    assert not [name for name in split["exclude"] if name.rpartition("/")[2] in uids]
    with closing(sqlite3.connect(tmp_path / "out" / ".nv-meta" / "index.sqlite")) as database:
        assert database.execute("SELECT count(*) FROM samples").fetchone() == (16,)


def test_datacomp_gets_a_subset_for_each_folder_that_anything_is_kept_of(of_both, packed, other, tmp_path):
    made, uids = of_both((5,), (2, 3))
    assert export_datacomp(made)["input_dirs"] == [str(one.shards[0].parent) for one in (packed, other)]
    subsets = [np.load(tmp_path / "out" / name / "v1" / "uids.npy").tolist() for name in ("small", "other")]
    assert [{f"{high:016x}{low:016x}" for high, low in subset} for subset in subsets] == [{uids[0]}, set(uids[1:])]


def test_a_snapshot_of_which_nothing_is_kept_gives_nothing(of_both, packed, tmp_path):
    made, _ = of_both((5,), ())
    result = export_datacomp(made)
    assert result["input_dirs"] == [str(packed.shards[0].parent)]
    assert result["num_samples"] == 1
    assert not (tmp_path / "out" / "other").exists()


def test_wids_finds_the_samples_of_both_in_new_shards(of_both):
    made, _ = of_both((1, 2), (0, 4, 5))
    assert export_wids(made) == {"num_samples": 5, "num_shards": 1}
