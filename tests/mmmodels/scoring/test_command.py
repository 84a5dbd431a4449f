import json
from pathlib import Path

import pytest

from mmmodels.__main__ import VERBS
from pipelines.verbs import run_verb
from tests.mmmodels.small import save_random_aligner


def answer(capsys, *arguments):
    assert run_verb("mmmodels", VERBS, ["score", *arguments, "--json"]) == 0
    (report,) = json.loads(capsys.readouterr().out.splitlines()[-1])["snapshots"].values()
    return report


@pytest.fixture
def bundle(patterns_view, tmp_path, request):
    """Another model for each test: what one has scored the other finds."""
    view = {"view": patterns_view.view, "view_digest": patterns_view.digest}
    return str(save_random_aligner(tmp_path / "bundle", seed=len(request.node.name), **view))


@pytest.mark.ray
def test_a_cluster_gives_the_vectors_that_processes_give(bundle, patterns_view, capsys):
    place = ["--root", patterns_view.layout.root, "--corpus", patterns_view.snapshots[0].corpus]
    here = answer(capsys, bundle, *place, "--workers", "1", "--device", "cpu")
    folder = Path(patterns_view.layout.signals(here["embeddings"], patterns_view.snapshots[0]))
    files = {path: path.read_bytes() for path in folder.glob("*.parquet")}
    for path in files:
        path.unlink()
    there = answer(capsys, bundle, *place, "--workers", "2", "--on", "ray", "--device", "cpu")
    assert there["num_shards_embedded"] == len(files) > 1
    assert {path: path.read_bytes() for path in files} == files


def test_every_snapshot_is_scored_and_only_once(bundle, patterns_view, capsys):
    first = answer(capsys, bundle, "--root", patterns_view.layout.root, "--workers", "1")
    assert first["efforts"]["audio"]["num_vectors"] > 0
    second = answer(capsys, bundle, "--root", patterns_view.layout.root, "--workers", "1")
    assert (second["num_shards_embedded"], second["digest"]) == (0, first["digest"])
