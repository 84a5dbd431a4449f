import json

import numpy as np
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from pipelines.__main__ import main
from pipelines.exporting.command import FORMATS, select_snapshot
from pipelines.shards.reading import read_sidecars
from tests.compat.corpus import SmallSource, pack_small

OF_SNAPSHOTS = sorted(set(FORMATS) - {"verdicts"})


@pytest.mark.parametrize("name", OF_SNAPSHOTS)
def test_every_format_is_a_verb_away_and_says_what_it_wrote(name, packed, tmp_path, capsys):
    arguments = ["export", "--root", str(packed.root), "--format", name, "--output", str(tmp_path / "out"), "--json"]
    assert main(arguments) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["output"] == str(tmp_path / "out")
    assert result["num_samples"] == (4 if name in {"open_clip", "laion_clap"} else 10)
    assert any((tmp_path / "out").iterdir())


def test_the_wids_index_names_shards_where_they_lie(packed, tmp_path):
    main(["export", "--root", str(packed.root), "--format", "wids", "--output", str(tmp_path / "out")])
    index = json.loads((tmp_path / "out" / "index.json").read_text())
    assert index["wids_version"] == 1
    shards = [(one["url"], one["nsamples"], one["filesize"]) for one in index["shardlist"]]
    assert shards == [(str(p), n, p.stat().st_size) for p, n in zip(packed.shards, (4, 4, 2), strict=True)]


def test_the_datacomp_subset_is_sorted_pairs_of_halves(packed, tmp_path):
    main(["export", "--root", str(packed.root), "--format", "datacomp", "--output", str(tmp_path / "out")])
    subset = np.load(tmp_path / "out" / "uids.npy")
    assert subset.dtype == np.dtype("u8,u8")
    assert [f"{high:016x}{low:016x}" for high, low in subset.tolist()] == sorted(s["__key__"] for s in packed.samples)


def test_the_readme_for_datasets_declares_every_part(packed, tmp_path):
    main(["export", "--root", str(packed.root), "--format", "huggingface", "--output", str(tmp_path / "out")])
    readme = (tmp_path / "out" / "README.md").read_text()
    for name, dtype in (("flac", "audio"), ("jpg", "image"), ("json", "json"), ("txt", "string")):
        assert f"  - name: {name}\n    dtype: {dtype}\n" in readme
    assert "png" not in readme


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--format", "energon", "--shuffle", "1"], "--shuffle: --format energon names the tars as they are"),
        (["--format", "wids", "--split", "train"], "a split is told by a view"),
        (["--format", "shards", "--modalities", "image+smell"], "'smell' is none of image, text, audio"),
        (["--format", "verdicts"], "verdicts are of a view"),
        (["--format", "shards", "--samples-per-shard", "0"], "samples_per_shard = 0: expected 1 or more"),
        (["--format", "shards", "--workers", "-1"], "--workers -1: expected 1 or more"),
        (["--format", "energon", "--shuffle", "0"], "--shuffle: --format energon names the tars as they are"),
        (["--format", "shards", "--view", "v", "--corpus", "small"], "Leave --corpus and --snapshot out"),
    ],
)
def test_an_option_that_cannot_be_followed_is_refused(options, message, packed, tmp_path, capsys):
    assert main(["export", "--root", str(packed.root), "--output", str(tmp_path / "out"), *options]) == 1
    assert message in capsys.readouterr().err


def test_which_of_several_snapshots_must_be_said(packed):
    pack_small(SmallSource(corpus="other", num_records=2, parts=("it",)), packed.root, samples_per_shard=2)
    with pytest.raises(ValueError, match="other/v1, small/v1"):
        select_snapshot(packed.layout)
    assert str(select_snapshot(packed.layout, "other").snapshots[0]) == "other/v1"


@pytest.mark.slow
def test_a_view_gives_its_own_subset_less_what_it_holds_out(tiny_snapshot, tmp_path, capsys):
    root = ["--root", tiny_snapshot[0].root]
    policy = tmp_path / "small.sql"
    policy.write_text("select uid, language = 'fr' as french, characters > 4 as long from samples")
    assert main(["measure", *root]) == 0
    assert main(["curate", *root, "--policy", str(policy), "--view", "mine", "--json"]) == 0
    curated = json.loads(capsys.readouterr().out.splitlines()[-1])
    for name in ("datacomp", "energon", "shards", "verdicts"):
        assert main(["export", *root, "--view", "mine", "--format", name, "--output", str(tmp_path / name)]) == 0
    table = read_sidecars(*tiny_snapshot)
    english = {row["uid"] for row in table.select(["uid", "language"]).to_pylist() if row["language"] == "en"}
    subset = {f"{high:016x}{low:016x}" for high, low in np.load(tmp_path / "datacomp" / "uids.npy").tolist()}
    assert subset <= english
    assert len(subset) == curated["num_kept_by_split"]["train"] > 0
    excluded = json.loads((tmp_path / "energon" / ".nv-meta" / "split.yaml").read_text())["exclude"]
    assert {name.rpartition("/")[2] for name in excluded} >= set(table["uid"].to_pylist()) - english
    verdicts = pq.read_table(tmp_path / "verdicts" / "verdicts.parquet").to_pylist()
    assert len(verdicts) == len(table)
    assert {row["uid"]: "french" in row["faults"].split() for row in verdicts} == {
        uid: uid not in english for uid in table["uid"].to_pylist()
    }
    assert len(pacsv.read_csv(tmp_path / "verdicts" / "verdicts.csv")) == len(table)
