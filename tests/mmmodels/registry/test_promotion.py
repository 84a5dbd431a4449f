import json
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from mmmodels.errors import GateError
from mmmodels.registry import promotion
from mmmodels.registry.gate import Evidence, Verdict, judge
from mmmodels.registry.lineage import VersionName, find_version, find_versions, links_of
from mmmodels.registry.promotion import Actor, aliases, history, promote, register, rollback
from mmmodels.tracking import open_client
from pipelines.layout import Layout

fresh = count()
ACTOR = Actor(who="tests", why="to see")
OLD, NEW, NEWEST = "11" * 16, "22" * 16, "33" * 16


class Shop:
    """One registered model and its ledger."""

    def __init__(self, uri: str, root: Path, logged: Callable[[str], str], make: Callable[..., Evidence]) -> None:
        self.uri, self.layout, self.logged, self.make = uri, Layout(str(root)), logged, make
        self.name = f"aligner-{next(fresh)}"

    def register(self, run_key: str) -> int:
        return register(self.logged(run_key), self.name, tracking_uri=self.uri)

    def verdict(self, run_key: str, champion: str | None = None, *, rate: float = 0.6, than: float = 0.6) -> Verdict:
        return judge(self.make(run_key, rate=rate), self.make(champion, rate=than) if champion else None)

    def promote(self, version: int, verdict: Verdict) -> Any:
        return promote(self.name, version, verdict, tracking_uri=self.uri, layout=self.layout, actor=ACTOR)

    def rollback(self) -> Any:
        return rollback(self.name, tracking_uri=self.uri, layout=self.layout, actor=ACTOR)

    @property
    def aliases(self) -> dict[str, int]:
        """As MLflow's own client gives them."""
        found = open_client(self.uri).get_registered_model(self.name).aliases
        assert {alias: int(version) for alias, version in found.items()} == aliases(self.name, tracking_uri=self.uri)
        return {alias: int(version) for alias, version in found.items()}

    @property
    def moves(self) -> list[tuple[str, int | None, int]]:
        return [(row["action"], row["from_version"], row["to_version"]) for row in history(self.layout, self.name)]


@pytest.fixture
def shop(mlflow_uri: str, tmp_path: Path, logged: Callable[[str], str], make_evidence: Callable[..., Evidence]) -> Shop:
    return Shop(mlflow_uri, tmp_path, logged, make_evidence)


@pytest.fixture
def two(shop: Shop) -> Shop:
    """Version 1 was champion, version 2 is."""
    shop.promote(shop.register(OLD), shop.verdict(OLD))
    shop.promote(shop.register(NEW), shop.verdict(NEW, OLD, rate=0.7))
    return shop


def test_a_model_is_registered_once_and_carries_its_ids(shop: Shop):
    model_id = shop.logged(OLD)
    tags = {"evaluation_digest": "ef" * 32}
    versions = [register(model_id, shop.name, tracking_uri=shop.uri, tags=tags) for _ in range(2)]
    client = open_client(shop.uri)
    found, model = client.get_model_version(shop.name, "1"), client.get_logged_model(model_id)
    assert versions == [1, 1]
    assert found.tags | tags == found.tags
    assert found.tags["run_key"] == OLD
    assert found.tags["model_id"] == model_id
    assert (found.source, found.run_id) == (f"models:/{model_id}", model.source_run_id)
    assert json.loads(model.tags["mlflow.modelVersions"]) == [{"name": shop.name, "version": "1"}]
    assert shop.aliases == {"challenger": 1}


def test_registering_leaves_the_process_without_a_tracking_uri(shop: Shop, tmp_path: Path, monkeypatch: Any):
    import mlflow

    monkeypatch.chdir(tmp_path)
    shop.register(OLD)
    assert not mlflow.is_tracking_uri_set()
    assert list(tmp_path.iterdir()) == []


def test_the_champion_before_is_kept_and_every_move_is_written_down(two: Shop):
    assert two.aliases == {"champion": 2, "previous_champion": 1}
    assert two.moves == [("promote", None, 1), ("promote", 1, 2)]
    row = history(two.layout, two.name)[1]
    assert (row["who"], row["why"], row["run_key"]) == ("tests", "to see", NEW)
    assert row["verdict"]["passed"]
    assert row["when"].startswith("20")


def test_promoting_the_champion_again_does_nothing(two: Shop):
    assert two.promote(2, two.verdict(NEW, OLD, rate=0.7)) is None
    assert two.promote(2, two.verdict(NEW, NEW)) is None
    assert two.register(NEW) == 2
    assert two.aliases == {"champion": 2, "previous_champion": 1}
    assert len(two.moves) == 2


def test_a_worse_model_stays_challenger_with_the_reasons_on_it(two: Shop):
    version = two.register(NEWEST)
    with pytest.raises(GateError, match="not_worse held_out_concept"):
        two.promote(version, two.verdict(NEWEST, NEW, rate=0.4))
    assert two.aliases == {"champion": 2, "previous_champion": 1, "challenger": 3}
    tag = json.loads(open_client(two.uri).get_model_version(two.name, "3").tags["gate"])
    assert not tag["passed"]
    assert len(two.moves) == 2


def test_a_verdict_about_another_model_or_against_another_champion_is_refused(two: Shop):
    version = two.register(NEWEST)
    with pytest.raises(GateError, match="the verdict is about"):
        two.promote(version, two.verdict(OLD, NEW, rate=0.7))
    for champion in (OLD, None):
        with pytest.raises(GateError, match="Judge it again"):
            two.promote(version, two.verdict(NEWEST, champion, rate=0.7))
    assert two.aliases["champion"] == 2


def test_a_rollback_is_one_step_and_is_not_undone_by_itself(two: Shop):
    move = two.rollback()
    assert (move.action, move.from_version, move.to_version) == ("rollback", 2, 1)
    assert two.aliases == {"champion": 1}
    with pytest.raises(GateError, match="no previous champion"):
        two.rollback()
    with pytest.raises(GateError, match="rolled back by tests: to see"):
        two.promote(2, two.verdict(NEW, OLD, rate=0.7))
    assert two.register(NEW) == 2
    assert two.aliases == {"champion": 1}
    open_client(two.uri).delete_model_version_tag(two.name, "2", "rolled_back")
    two.promote(2, two.verdict(NEW, OLD, rate=0.7))
    assert two.aliases == {"champion": 2, "previous_champion": 1}


def test_a_promotion_that_was_cut_off_before_its_audit_row_is_finished(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    shop.promote(shop.register(OLD), shop.verdict(OLD))
    version, verdict = shop.register(NEW), shop.verdict(NEW, OLD, rate=0.7)
    with monkeypatch.context() as patch:
        patch.setattr(promotion, "_record", interrupted)
        with pytest.raises(KeyboardInterrupt):
            shop.promote(version, verdict)
    assert shop.moves == [("promote", None, 1)]
    shop.promote(version, verdict)
    assert shop.moves == [("promote", None, 1), ("promote", 1, 2)]
    assert shop.aliases == {"champion": 2, "previous_champion": 1}


def test_a_rollback_that_was_cut_off_is_finished(two: Shop, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patch:
        patch.setattr(promotion, "_record", interrupted)
        with pytest.raises(KeyboardInterrupt):
            two.rollback()
    assert two.aliases == {"champion": 1, "previous_champion": 1}
    two.rollback()
    assert two.aliases == {"champion": 1}
    assert two.moves[-1] == ("rollback", 2, 1)


def interrupted(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def test_nothing_registered_has_no_aliases_and_no_history(mlflow_uri: str, tmp_path: Path):
    assert aliases("nobody", tracking_uri=mlflow_uri) == {}
    assert history(Layout(str(tmp_path)), "nobody") == []


def test_from_any_id_of_a_version_back_to_the_version(two: Shop):
    links = links_of(two.uri, two.name, 2)
    assert links["aliases"] == "champion"
    assert {"run_key", "view_digest", "model_id", "run_id", "dagster_run_id"} <= links.keys()
    assert links["dagster_run_id"] == f"dagster of {NEW}"
    for word in ("run_key", "view_digest", "model_id", "run_id", "dagster_run_id"):
        assert find_version(two.uri, name=two.name, **{word: links[word]}) == VersionName(name=two.name, version=2)
    assert find_versions(two.uri, name=two.name) == [VersionName(name=two.name, version=v) for v in (2, 1)]
    assert find_version(two.uri, run_key="unknown") is None
