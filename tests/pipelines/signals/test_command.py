import argparse
import json

import pytest

from pipelines.errors import ShardError
from pipelines.signals.command import add_arguments, run


def measure(*words: str) -> dict[str, object]:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args([*words, "--workers", "1"]))


def test_every_snapshot_under_the_root_is_measured(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    result = measure("--root", layout.root)
    report = json.loads(json.dumps(result))["snapshots"][str(snapshot)]
    assert report["num_samples"] == 12
    assert set(report["families"]) == {"image", "text", "audio", "fingerprints"}
    assert len(report["families"]["image"]["digest"]) == 64


def test_one_family_of_one_snapshot_may_be_named(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    words = ("--corpus", snapshot.corpus, "--snapshot", snapshot.snapshot, "--signals", "text@2")
    result = measure("--root", layout.root, *words)
    assert set(result["snapshots"][str(snapshot)]["families"]) == {"text"}


def test_a_root_without_shards_says_what_to_run(tmp_path):
    with pytest.raises(ShardError, match=r"nothing was packed as anything\. Run: python -m pipelines pack"):
        measure("--root", str(tmp_path))
