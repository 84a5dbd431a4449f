"""The verb `forget` as a person uses it."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines import storage
from pipelines.__main__ import main
from pipelines.curation.curating import ViewReport, curate
from pipelines.curation.exports import Export, register_export
from pipelines.curation.policy import load_policy
from pipelines.curation.views import open_view
from pipelines.layout import Layout
from pipelines.shards.tombstones import read_tombstones


@pytest.fixture
def root(corpus: Any, made: Any) -> tuple[Layout, ViewReport]:
    things = [
        made.thing(name=f"thing {n}", caption=f"number {n}", image=made.picture(n), url=f"https://h{n % 3}.org/{n}.png")
        for n in range(9)
    ]
    layout, snapshot = corpus(things, per_shard=4)
    return layout, curate(layout, [snapshot], policy=load_policy("default"), view="main")


@pytest.fixture
def forget(root: tuple[Layout, ViewReport], capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: str) -> tuple[int, dict[str, Any], str]:
        code = main(["forget", "--root", root[0].root, *arguments, "--json"])
        output = capsys.readouterr()
        return code, json.loads(output.out.splitlines()[-1]) if output.out else {}, output.err

    return run


def uids(root: tuple[Layout, ViewReport]) -> list[str]:
    return open_view(root[0], "main", root[1].digest).table(["uid"])["uid"].to_pylist()


def subset(report: ViewReport) -> list[str]:
    found = np.load(io.BytesIO(storage.read_bytes(f"{report.uri}/uids.npy")))
    return [f"{int(first):016x}{int(second):016x}" for first, second in found]


def test_forgetting_a_sample_lists_where_it_was_and_mends_the_files_of_views(root, forget):
    before = uids(root)
    code, told, _ = forget("--uid", before[0], "--reason", "asked by letter", "--who", "me")
    assert (code, told["num_samples"], told["num_tombstones_added"]) == (0, 1, 1)
    assert told["snapshots"] == [{"corpus": "things", "snapshot": "one", "num_samples": 1, "shards": [0]}]
    assert told["views"] == [{"view": f"main/{root[1].digest}", "num_kept": len(before), "num_withdrawn": 1}]
    assert uids(root) == before[1:]
    assert subset(root[1]) == sorted(before[1:])
    assert sum(storage.read_json(f"{root[1].uri}/sizes.json").values()) == len(before) - 1
    row = read_tombstones(root[0]).to_pylist()[0]
    assert (row["uid"], row["reason"], row["who"]) == (before[0], "asked by letter", "me")


def test_a_dry_run_says_the_same_and_writes_nothing(root, forget):
    before = uids(root)
    _, dry, _ = forget("--host", "h1.org", "--dry-run")
    assert uids(root) == before
    assert subset(root[1]) == sorted(before)
    assert not storage.exists(root[0].ledger("tombstones.parquet"))
    _, told, _ = forget("--host", "h1.org")
    assert told | {"dry_run": True, "num_tombstones_added": 0} == dry
    assert told["num_samples"] == 3


def test_what_matches_nothing_is_an_error_that_names_it_unless_it_is_meant_for_later(root, forget):
    code, _, error = forget("--host", "elsewhere.org", "--uid", uids(root)[0])
    assert code == 1
    assert "no sample matches host elsewhere.org; nothing was written" in error
    assert not storage.exists(root[0].ledger("tombstones.parquet"))
    code, told, _ = forget("--host", "elsewhere.org", "--keep-anyway")
    assert (code, told["num_samples"], told["num_tombstones_added"]) == (0, 0, 1)


def test_two_wishes_that_take_the_same_sample_both_match(root, forget):
    uid = uids(root)[0]
    digest = open_view(root[0], "main", root[1].digest).table()["image_sha256"][0].as_py()
    code, told, _ = forget("--uid", uid, "--sha256", digest)
    assert (code, told["num_samples"], told["num_tombstones_added"]) == (0, 1, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--uid", "xyz"], "uid 'xyz': expected 32 hexadecimal digits"),
        (["--sha256", "a" * 32], "expected 64 hexadecimal digits"),
        (["--phash", "0" * 16, "--distance", "40"], "distance 40: expected 0 to 12"),
        (["--host", "https://a.org/x"], "host 'https://a.org/x': not a host"),
        (["--host", "me@a.org"], "not a host"),
        (["--host", "a..org"], "host 'a..org'"),
        (["--host", ""], "host ''"),
        ([], "nothing to forget"),
    ],
)
def test_a_wish_that_can_mean_nothing_is_refused(forget, arguments, message):
    code, _, error = forget(*arguments, "--keep-anyway")
    assert code == 1
    assert message in error


def test_wishes_come_from_a_file_too(root, forget, tmp_path: Path):
    before = uids(root)
    file = tmp_path / "list.txt"
    file.write_text(f"# by letter\n\n{before[0].upper()}\nhost H2.org.\n")
    code, told, _ = forget("--from-file", str(file))
    assert (code, told["num_tombstones_added"]) == (0, 2)
    assert read_tombstones(root[0])["value"].to_pylist() == [before[0], "h2.org"]
    file.write_text("uid 12\n")
    code, _, error = forget("--from-file", str(file))
    assert code == 1
    assert "line 1: uid '12'" in error
    assert forget("--from-file", str(tmp_path / "absent"))[0] == 1


def test_models_reports_and_exports_that_know_the_sample_are_listed(root, forget):
    layout, report = root
    seen = next(
        row["uid"]
        for row in open_view(layout, "main", report.digest).table(["uid", "split"]).to_pylist()
        if row["split"] != "held_out_concept"
    )
    trained = {"view": "main", "view_digest": report.digest, "recipe": "tiny", "model_digest": "m1"}
    other = {**trained, "view_digest": "0" * 64, "model_digest": "m3"}
    tuned = {**other, "model_digest": "m2", "parent_bundle": "/elsewhere/checkpoints/run1/bundle"}
    for key, provenance in (("run1", trained), ("run2", tuned), ("run3", other)):
        storage.write_json(f"{layout.checkpoints(key)}/bundle/provenance.json", provenance)
    storage.write_json(layout.report("retrieval/x/report.json"), {"view": "main", "view_digest": report.digest})
    move = {"name": "aligner", "to_version": 3, "run_key": "run1"}
    storage.write_atomic(layout.ledger("promotions.jsonl"), f"{json.dumps(move)}\n{json.dumps(move)}\n".encode())
    export = {"effective_digest": "", "snapshots": ("things/one",), "splits": (), "started_at": 1.0}
    register_export(layout, Export(output="/out/a", format="wids", view="main", view_digest=report.digest, **export))
    register_export(layout, Export(output="/out/b", format="wids", view="other", view_digest="1", **export))
    register_export(layout, Export(output="/out/c", format="open_clip", view="", view_digest="", **export))
    _, told, _ = forget("--uid", seen)
    assert [(one["run_key"], one["by"], one["versions"]) for one in told["models"]] == [
        ("run1", "training", ["aligner/3"]),
        ("run2", "the model it started from", []),
    ]
    assert told["reports"] == [layout.report("retrieval/x/report.json")]
    assert told["exports"] == ["wids /out/a", "open_clip /out/c"]


def test_the_whole_ledger_can_be_told_and_views_mended(root, forget):
    before = uids(root)
    table = read_tombstones(root[0])
    forget("--uid", before[0])
    storage.write_atomic(f"{root[1].uri}/uids.npy", b"as a recheck of consent leaves it")
    code, told, _ = forget("--all")
    assert (code, told["num_samples"], told["uids"]) == (0, 1, [before[0]])
    assert subset(root[1]) == sorted(before[1:])
    assert read_tombstones(root[0]).num_rows == table.num_rows + 1
