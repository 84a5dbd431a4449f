"""What training does with a sample that was withdrawn after its view was curated."""

import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from mmmodels.preparing import prepare
from mmmodels.recipes import find_recipe
from mmmodels.training import launch
from mmmodels.training.results import key_of
from pipelines.curation.views import View, open_view
from pipelines.layout import Layout
from pipelines.shards.tombstones import add_tombstones
from tests.mmmodels.small import SMALL


@pytest.fixture
def view(patterns_view: View, tmp_path: Path) -> View:
    """A copy that may be changed."""
    shutil.copytree(patterns_view.layout.root, tmp_path / "root")
    return open_view(Layout(str(tmp_path / "root")), patterns_view.view, patterns_view.digest)


def key_asked_for(view: View, monkeypatch: pytest.MonkeyPatch) -> str:
    asked: list[str] = []
    monkeypatch.setattr(launch, "result_of", lambda _, run_key: asked.append(run_key) or "found")
    recipe = find_recipe("tiny", SMALL)
    launch.train(recipe, layout=view.layout, view=view.view, view_digest=view.digest, tracking_uri="unused")
    return asked[0]


def test_a_run_after_forget_is_another_run_of_the_same_view(view: View, monkeypatch: pytest.MonkeyPatch):
    before, recipe = key_asked_for(view, monkeypatch), find_recipe("tiny", SMALL)
    add_tombstones(view.layout, view.table(["uid"]).slice(0, 1))
    assert before == key_of(recipe, layout=view.layout, view_digest=view.digest)
    assert (
        key_asked_for(view, monkeypatch)
        == key_of(recipe, layout=view.layout, view_digest=view.effective_digest)
        != before
    )


def test_no_pool_of_a_training_holds_what_was_forgotten(view: View):
    before = view.table(["uid"])["uid"].to_pylist()
    add_tombstones(view.layout, pa.table({"uid": before[3:6]}))
    data = prepare(view, config=find_recipe("tiny", SMALL).model)
    assert data.table["uid"].to_pylist() == before[:3] + before[6:]
