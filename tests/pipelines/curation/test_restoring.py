import json
from pathlib import Path
from typing import Any

import pytest

from pipelines import storage
from pipelines.__main__ import main
from pipelines.curation.curating import curate
from pipelines.curation.currents import current_digest, history
from pipelines.curation.erasing import erase
from pipelines.curation.policy import load_policy, parse_policy
from pipelines.curation.restoring import restore
from pipelines.curation.views import find_view, open_view
from pipelines.errors import PolicyError

SOME = parse_policy("some", "-- $last = 'number 3'\nselect uid, caption > $last as late from samples")


@pytest.fixture
def stored(corpus: Any, made: Any) -> tuple:
    """(layout, snapshot, digests of three views that were curated one after the other under one name)."""
    layout, snapshot = corpus(made.things(6))
    digests = [
        curate(layout, [snapshot], policy=SOME, view="main", params={"last": f"number {last}"}).digest
        for last in (1, 2, 3)
    ]
    return layout, snapshot, digests


def test_a_name_stands_for_what_was_curated_or_restored_last(stored: tuple) -> None:
    layout, snapshot, digests = stored
    assert find_view(layout, "main").digest == digests[2]
    report = restore(layout, f"main/{digests[0][:10]}")
    assert (report.digest, report.previous, report.written, report.changed) == (digests[0], digests[2], [], [])
    assert find_view(layout, "main").digest == current_digest(layout, "main") == digests[0]
    again = curate(layout, [snapshot], policy=SOME, view="main", params={"last": "number 2"})
    assert not again.created
    assert find_view(layout, "main").digest == digests[1]
    assert [turn["digest"] for turn in history(layout, "main")] == [*digests, digests[0], digests[1]]


@pytest.mark.parametrize("lost", ["verdicts", "policy.sql", "uids.npy", "facets.parquet", "funnel.parquet"])
def test_files_that_are_lost_are_derived_again_and_the_digest_is_the_same(stored: tuple, lost: str) -> None:
    layout, _, digests = stored
    view = open_view(layout, "main", digests[0])
    before = {name: table.to_pylist() for name, table in (("verdicts", view.verdicts()), ("funnel", view.funnel()))}
    if lost == "policy.sql":
        with pytest.raises(PolicyError, match=r"policy\.sql missing, and it cannot be derived again"):
            restore_without(layout, view, lost)
        return
    report = restore_without(layout, view, lost)
    assert (report.digest, list(report.written)) == (digests[0], [lost])
    again = open_view(layout, "main", digests[0])
    assert {"verdicts": again.verdicts().to_pylist(), "funnel": again.funnel().to_pylist()} == before


def restore_without(layout: Any, view: Any, lost: str) -> Any:
    path = Path(view.uri) / lost
    for file in path.iterdir() if path.is_dir() else [path]:
        file.unlink()
    return restore(layout, f"main/{view.digest}")


def test_a_verdict_file_that_was_cut_short_counts_as_lost(stored: tuple) -> None:
    layout, _, digests = stored
    (file, *_) = (Path(open_view(layout, "main", digests[0]).uri) / "verdicts").iterdir()
    file.write_bytes(file.read_bytes()[:100])
    assert list(restore(layout, f"main/{digests[0]}").written) == ["verdicts"]


def test_the_text_of_a_bundled_policy_is_found_where_it_was_lost(corpus: Any, made: Any) -> None:
    layout, snapshot = corpus(made.things(3))
    report = curate(layout, [snapshot], policy=load_policy("default"), view="main", params={"min_image_pixels": 20})
    (Path(report.uri) / "policy.sql").unlink()
    assert list(restore(layout, f"main/{report.digest}").written) == ["policy.sql"]


def test_a_view_whose_samples_are_gone_is_not_made_current(stored: tuple) -> None:
    layout, snapshot, digests = stored
    stats, sidecar = Path(layout.stats(snapshot, 0)), layout.sidecar(snapshot, 0)
    stats.write_text(json.dumps({**json.loads(stats.read_text()), "tar_sha256": "0" * 64}))
    report = restore(layout, f"main/{digests[0]}")  # another tar, and all that it keeps is there
    assert [line.partition(":")[0] for line in report.changed] == ["shards things"]
    storage.write_table(sidecar, storage.read_table(sidecar).slice(1))
    with pytest.raises(PolicyError, match="1 of the 3 samples that it keeps are not in the shards of things/one"):
        restore(layout, f"main/{digests[1]}")
    stats.unlink()
    with pytest.raises(PolicyError, match="things/one cannot be read"):
        restore(layout, f"main/{digests[2]}")
    assert current_digest(layout, "main") == digests[0]


def test_a_view_outlives_the_erasing_of_samples_that_were_withdrawn(stored: tuple) -> None:
    layout, _, digests = stored
    gone = open_view(layout, "main", digests[0]).table(["uid"])["uid"][0].as_py()
    assert main(["forget", "--root", layout.root, "--uid", gone]) == 0
    erase(layout)
    report = restore(layout, f"main/{digests[0]}")
    assert (report.num_kept, report.num_withdrawn) == (2, 1)


def test_signals_that_changed_are_told_and_only_matter_where_files_are_lost(corpus: Any, made: Any) -> None:
    layout, snapshot = corpus(made.things(3), per_shard=2)
    report = curate(layout, [snapshot], policy=load_policy("default"), view="main")
    Path(layout.signal("image@2", snapshot, 1)).unlink()
    changed = restore(layout, f"main/{report.digest}").changed
    assert [line.partition(":")[0] for line in changed] == ["signals image@2"]
    (Path(report.uri) / "funnel.parquet").unlink()
    with pytest.raises(PolicyError, match=r"funnel\.parquet missing.*cannot be derived again: signals image@2"):
        restore(layout, f"main/{report.digest}")


def test_a_shell_lists_views_and_restores_one(stored: tuple, capsys: pytest.CaptureFixture[str]) -> None:
    layout, _, digests = stored
    assert main(["restore", "--root", layout.root, f"main/{digests[1]}"]) == 0
    assert main(["views", "--root", layout.root, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out.splitlines()[-1])["views"]["main"]
    assert (rows[0]["digest"], rows[0]["is_current"]) == (digests[1], True)
    assert {row["digest"]: row["num_kept"] for row in rows} == dict(zip(digests, (2, 3, 4), strict=True))
    assert main(["views", "--root", layout.root]) == 0
    assert f"{digests[1][:12]} (current): 3 of 6 kept by some of things/one" in capsys.readouterr().out
    assert main(["views", "--root", layout.root, "other"]) == 1
    assert "nothing stored under this name. Stored: main." in capsys.readouterr().err
