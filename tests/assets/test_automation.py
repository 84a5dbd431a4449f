"""What starts by itself: a moved champion, and a corpus whose time has come."""

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.partitions import SNAPSHOTS
from assets.resources import CorpusStore, Mlflow
from assets.schedules import SCHEDULES, schedule_of
from assets.sensors import champion_moved
from mmmodels.registry.glance import RegisteredModel
from pipelines.sources.catalog import Corpus, load_catalog


class FixedMlflow(Mlflow):
    """Has the champions that a test gives it."""

    champions: dict[str, int]

    def registered(self, name: str) -> RegisteredModel:
        version = self.champions.get(name)
        return RegisteredModel(name=name, aliases={} if version is None else {"champion": version})


def look(
    instance: dg.DagsterInstance, tmp_path: Path, champions: dict[str, int], cursor: str | None = None
) -> dg.SensorResult:
    context = dg.build_sensor_context(
        instance=instance,
        cursor=cursor,
        resources={
            "corpora": CorpusStore(root=str(tmp_path), cache=str(tmp_path)),
            "mlflow": FixedMlflow(tracking_uri="", artifact_root="", champions=champions),
        },
    )
    result = champion_moved(context)
    assert isinstance(result, dg.SensorResult)
    return result


@pytest.fixture
def with_partitions(instance: dg.DagsterInstance) -> dg.DagsterInstance:
    instance.add_dynamic_partitions(str(SNAPSHOTS.name), ["openmoji/16.0.0", "openmoji/17.0.0", "stamps/1.0"])
    return instance


def test_the_first_look_only_remembers(with_partitions: dg.DagsterInstance, tmp_path: Path) -> None:
    result = look(with_partitions, tmp_path, {"aligner": 3})
    assert not result.run_requests
    assert json.loads(result.cursor or "")["champions"] == {"aligner": 3}
    assert "no champion moved" in str(result.skip_reason)


def test_a_moved_champion_rescores_every_snapshot_of_its_corpus_once(
    with_partitions: dg.DagsterInstance, tmp_path: Path
) -> None:
    before = look(with_partitions, tmp_path, {"aligner": 3, "aligner-stamps": 1}).cursor
    moved = look(with_partitions, tmp_path, {"aligner": 2, "aligner-stamps": 1}, before)
    requests = moved.run_requests or []
    assert sorted(str(request.partition_key) for request in requests) == ["openmoji/16.0.0", "openmoji/17.0.0"]
    assert requests[0].tags["trivium/champion"] == "aligner version 2"
    assert not look(with_partitions, tmp_path, {"aligner": 2, "aligner-stamps": 1}, moved.cursor).run_requests


def test_a_champion_moved_back_is_noticed_too(with_partitions: dg.DagsterInstance, tmp_path: Path) -> None:
    """There and back again is two moves, not one seen before."""
    cursor = look(with_partitions, tmp_path, {"aligner": 1}).cursor
    keys = []
    for version in (2, 1, 2):
        result = look(with_partitions, tmp_path, {"aligner": version}, cursor)
        keys += [request.run_key for request in result.run_requests or []]
        cursor = result.cursor
    assert len(keys) == len(set(keys)) == 6


def test_no_champion_at_all_is_no_move(with_partitions: dg.DagsterInstance, tmp_path: Path) -> None:
    result = look(with_partitions, tmp_path, {})
    assert not result.run_requests
    assert "there is none" in str(result.skip_reason)


def test_every_corpus_with_a_cron_has_a_schedule() -> None:
    expected = {f"{corpus.name}_ingest" for corpus in load_catalog().values() if corpus.cron}
    assert {schedule.name for schedule in SCHEDULES} == expected


def test_a_schedule_asks_for_a_new_snapshot_once(workplace: Any, tmp_path: Path) -> None:
    corpus = Corpus(name="tiny", reader="folder", location=str(workplace.folder), cron="0 5 * * 1")
    schedule = schedule_of(corpus, "0 5 * * 1")
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        context = dg.build_schedule_context(instance=instance, resources={"corpora": workplace.corpora})
        request = schedule(context)
        assert isinstance(request, dg.RunRequest)
        assert instance.get_dynamic_partitions(str(SNAPSHOTS.name)) == [request.partition_key]
        assert isinstance(schedule(context), dg.SkipReason)
        (workplace.folder / "food" / "apple.en.txt").write_text("a red apple")
        again = schedule(context)
        assert isinstance(again, dg.RunRequest)
        assert again.partition_key != request.partition_key
