"""The whole data side on an object store, by its commands, as on a disk."""

import json
from pathlib import Path

import pytest

from pipelines import storage
from pipelines.__main__ import main
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.opening import open_snapshot
from pipelines.shards.reading import read_raw


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    """What a verb reports; it is to succeed."""
    code = main([*arguments, "--json"])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    return json.loads(captured.out.splitlines()[-1])


@pytest.mark.slow
def test_every_stage_of_the_data_side_gives_on_s3_what_it_gives_on_a_disk(
    tiny_corpus: Path, tmp_path: Path, s3_root: str, capsys: pytest.CaptureFixture[str]
):
    views, families = {}, ("image", "text", "audio", "fingerprints")
    for root in (s3_root, str(tmp_path / "root")):
        packed = told(capsys, "pack", "--root", root, "--corpus", str(tiny_corpus), "--samples-per-shard", "5")
        assert (packed["num_samples"], packed["num_shards_written"]) == (12, 3)
        where = ("--root", root, "--corpus", packed["corpus"])
        again = told(capsys, "pack", "--root", root, "--corpus", str(tiny_corpus), "--samples-per-shard", "5")
        assert (again["num_shards_written"], again["digest"]) == (0, packed["digest"])
        assert told(capsys, "verify", *where)["num_samples"] == 12
        measured = told(capsys, "measure", *where, "--signals", *families)
        views[root] = told(capsys, "curate", *where, "--view", "all")
        page = tmp_path / "card.html"
        told(capsys, "show", "--root", root, "--view", "all", "--output", str(page))
        assert "<html" in page.read_text()
        layout, snapshot = Layout(root), Snapshot(corpus=packed["corpus"], snapshot=packed["snapshot"])
        whole = {uid: found for shard in range(3) for uid, found in read_raw(layout, snapshot, shard)}
        with open_snapshot(layout, snapshot) as opened:
            assert dict(opened.read_by_uid(sorted(whole))) == whole
        assert told(capsys, "find", "--root", root, "--uid", next(iter(whole)))["num_matches"] == 1
        views[root, "media"], views[root, "signals"] = whole, measured
        assert not [name for name in storage.names(layout.shards(snapshot)) if "partial" in name]
    here, there = str(tmp_path / "root"), s3_root
    assert views[here]["digest"] == views[there]["digest"]
    assert views[here, "media"] == views[there, "media"]
