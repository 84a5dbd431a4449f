"""Forgetting, erasing and evaluation sets on an object store, by their commands, as on a disk."""

import json
from pathlib import Path

import pytest

from pipelines.__main__ import main
from pipelines.curation.views import find_view
from pipelines.layout import Layout


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    """What a verb reports; it is to succeed."""
    code = main([*arguments, "--json"])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    return json.loads(captured.out.splitlines()[-1])


@pytest.mark.slow
def test_what_is_forgotten_on_s3_is_what_is_forgotten_on_a_disk(
    tiny_corpus: Path, tmp_path: Path, s3_root: str, capsys: pytest.CaptureFixture[str]
):
    results = {}
    for root in (str(tmp_path / "root"), s3_root):
        packed = told(capsys, "pack", "--root", root, "--corpus", str(tiny_corpus), "--samples-per-shard", "5")
        told(capsys, "measure", "--root", root)
        told(capsys, "curate", "--root", root, "--view", "all")
        told(capsys, "curate", "--root", root, "--view", "asked", "--param", "min_image_pixels=1")
        checked = told(capsys, "evaluation-sets", "--root", root, "--declare", "asked", "--check", "all")
        layout = Layout(root)
        view = find_view(layout, "all")
        uids = view.table(["uid"])["uid"].to_pylist()
        digest = view.table(["image_sha256"])["image_sha256"][0].as_py()
        forgotten = told(capsys, "forget", "--root", root, "--uid", uids[4], "--sha256", digest)
        erased = told(capsys, "pack", "--erase", "--root", root)
        assert told(capsys, "verify", "--root", root)["num_samples"] == 12 - erased["num_samples"]
        assert told(capsys, "measure", "--root", root)
        assert told(capsys, "find", "--root", root, "--uid", uids[4])["matches"][0]["status"] == "withdrawn"
        assert told(capsys, "pack", "--erase", "--root", root)["num_shards"] == 0
        left = find_view(layout, "all").table(["uid"])["uid"].to_pylist()
        assert set(left) == set(uids) - set(forgotten["uids"])
        results[root] = (packed["digest"], checked["num_by_reason"], forgotten["uids"], erased["shards"], left)
    here, there = results.values()
    assert here == there
    assert here[1]["same_sample"] > 0
