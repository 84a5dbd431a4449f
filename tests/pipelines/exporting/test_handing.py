import json
import re

import pytest

from pipelines import storage
from pipelines.curation.exports import registered_exports
from pipelines.errors import StorageError
from pipelines.exporting.handing import hand_over


def fill(handing):
    (handing_output := storage.local_path(handing.output) / "file.txt").write_text("there")
    return {"num_samples": 3, "file": str(handing_output)}


def test_an_export_says_what_it_is_and_the_root_says_where_it_went(packed, handing, tmp_path):
    uid = packed.samples[0]["__key__"]
    made = handing({uid: "train"}, splits=("train",))
    hand_over(made, fill)
    (registered,) = registered_exports(packed.layout)
    manifest = json.loads((tmp_path / "out" / "export.json").read_text())
    assert (registered.output, registered.format) == (str(tmp_path / "out"), "shards")
    assert f"{registered.view}/{registered.view_digest}" == made.selection.name
    assert registered.effective_digest == manifest["effective_digest"] == made.selection.digest
    assert registered.finished_at >= registered.started_at
    assert (registered.num_samples, manifest["num_samples"]) == (3, 3)


def test_an_export_that_did_not_end_is_on_the_record_too(packed, handing):
    def fail(_):
        raise StorageError("full")

    with pytest.raises(StorageError, match="full"):
        hand_over(handing(), fail)
    (registered,) = registered_exports(packed.layout)
    assert registered.finished_at is None


def test_the_same_export_may_go_on_and_another_may_not(packed, handing):
    hand_over(handing(), fill)
    hand_over(handing(), fill)
    for other in (handing(seed=1), handing(format="wids"), handing({packed.samples[0]["__key__"]: "train"})):
        with pytest.raises(StorageError, match="holds another export"):
            hand_over(other, fill)


def test_a_folder_with_something_else_in_it_is_left_alone(handing, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(StorageError, match=r"holds thesis\.txt and no export"):
        hand_over(handing(), fill)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.txt"]


def test_nothing_is_written_through_a_symbolic_link(handing, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".nv-meta").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match=r"\.nv-meta: is a symbolic link"):
        hand_over(handing(), fill)


def test_a_manifest_of_something_else_is_named(handing, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "export.json").write_text("[1, 2")
    with pytest.raises(StorageError, match=r"export\.json: not of an export"):
        hand_over(handing(), fill)


def test_a_root_is_no_place_for_an_export(packed, handing):
    for output in (packed.root, packed.root / "shards" / "mine"):
        with pytest.raises(StorageError, match=re.escape(f"{output}: lies in the root")):
            hand_over(handing(output=output), fill)


def test_two_runs_at_once_are_refused(handing, tmp_path):
    held = storage.exclusive(str(tmp_path / "out"), what="export another")
    with held, pytest.raises(StorageError, match="export another works on it"):
        hand_over(handing(), fill)
