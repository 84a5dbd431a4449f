import pickle
import sqlite3
import subprocess
import sys
import threading
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmmodels.tracking import Dataset, Tracker, flatten, locks, open_client, patient
from pipelines.errors import StorageError

DATASET = Dataset(name="aligned", digest="ab" * 32, uri="/somewhere/views/aligned/abab")
fresh = count()


@pytest.fixture
def tracker(mlflow_uri: str) -> Tracker:
    return Tracker(uri=mlflow_uri, experiment=f"tracking {next(fresh)}")


def steps_of(tracker: Tracker, metric: str) -> list[int]:
    return [point.step for point in open_client(tracker.uri).get_metric_history(tracker.run_id, metric)]


def test_importing_the_registry_loads_neither_mlflow_nor_torch():
    modules = "mmmodels.tracking, mmmodels.registry.gate, mmmodels.registry.export, mmmodels.registry.lineage"
    code = f"import sys, {modules}; print(sorted({{'mlflow', 'torch', 'pandas'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_second_attempt_continues_the_run_of_its_key(tracker: Tracker):
    first = tracker.start("key", params={"training": {"lr": 0.1, "num_workers": 2}}, tags={"recipe": "tiny"})
    tracker.finish("FAILED")
    second = tracker.start("key", params={"training": {"lr": 0.1, "num_workers": 4}}, tags={"recipe": "tiny"})
    other = tracker.start("another key", params={}, tags={})
    run = open_client(tracker.uri).get_run(first)
    assert second == first != other
    assert run.info.status == "RUNNING"
    assert run.data.params == {"training.lr": "0.1", "training.num_workers": "2"}
    assert run.data.tags["changed.training.num_workers"] == "4"


def test_steps_that_a_resumed_process_reports_again_are_left_out(tracker: Tracker):
    tracker.start("key", params={}, tags={})
    in_controller: Tracker = pickle.loads(pickle.dumps(tracker))  # noqa: S301 - what Ray does with callbacks
    for step in (0, 10, 20):
        in_controller.log({"loss": 1.0 / (step + 1)}, step)
    after_crash: Tracker = pickle.loads(pickle.dumps(tracker))  # noqa: S301
    for step in (10, 20, 30):
        after_crash.log({"loss": 9.0, "lr": 0.1}, step)
    assert steps_of(tracker, "loss") == [0, 10, 20, 30]
    assert steps_of(tracker, "lr") == [10, 20, 30]


@settings(max_examples=8, deadline=None)
@given(attempts=st.lists(st.lists(st.integers(0, 8), max_size=5), max_size=4))
def test_whatever_is_reported_the_steps_of_a_metric_only_grow(mlflow_uri: str, attempts: list[list[int]]):
    tracker = Tracker(uri=mlflow_uri, experiment="growing")
    run_key, expected = f"key {next(fresh)}", [-1]
    for attempt in [*attempts, []]:
        tracker.start(run_key, params={}, tags={})
        for step in attempt:
            tracker.log({"loss": 0.0}, step)
            expected += [step] if step > expected[-1] else []
    assert steps_of(tracker, "loss") == expected[1:]


def test_thousands_of_points_arrive_through_one_call(tracker: Tracker):
    tracker.start("key", params={}, tags={})
    tracker.log_points((step, {"a": step, "b": -step}) for step in range(1200))
    assert steps_of(tracker, "a") == steps_of(tracker, "b") == list(range(1200))


def test_a_run_names_the_view_it_reads_once(tracker: Tracker):
    for _ in range(2):
        run_id = tracker.start("key", params={}, tags={}, datasets=[DATASET])
    run = open_client(tracker.uri).get_run(run_id)
    (used,) = run.inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest) == ("aligned", "ab" * 16)
    assert used.dataset.source == '{"uri": "file:///somewhere/views/aligned/abab"}'
    tags = {tag.key: tag.value for tag in used.tags}
    assert tags == {"mlflow.data.context": "training", "view_digest": "ab" * 32, "weight": "1"}
    assert run.data.tags["view_digest"] == "ab" * 32


def test_a_link_that_changes_keeps_its_earlier_values(tracker: Tracker):
    for dagster_run in ("one", "two"):
        run_id = tracker.start("key", params={}, tags={"dagster.run_id": dagster_run, "parent": ""})
    for dagster_run in ("two", "three"):
        tracker.set_links({"dagster.run_id": dagster_run, "checkpoint_uri": "file:///c"})
    tags = open_client(tracker.uri).get_run(run_id).data.tags
    assert tags["dagster.run_id"] == "three"
    assert tags["dagster.run_id.earlier"] == "one two"
    assert "checkpoint_uri.earlier" not in tags


def test_artifacts_lie_beside_the_database_and_the_working_folder_stays_empty(
    tracker: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    (tmp_path / "curves.svg").write_text("<svg/>")
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    run_id = tracker.start("key", params={"a": 1}, tags={"b": "c"}, datasets=[DATASET])
    tracker.log({"loss": 1.0}, 0)
    tracker.log_artifacts(tmp_path / "curves.svg", "charts")
    tracker.finish()
    home = Path(tracker.uri.removeprefix("sqlite:///")).parent
    assert (home / "mlartifacts" / tracker.experiment / run_id / "artifacts/charts/curves.svg").is_file()
    assert list(empty.iterdir()) == []
    assert capfd.readouterr() == ("", "")
    default = open_client(tracker.uri).get_experiment("0")
    assert "mlruns" not in default.artifact_location


def test_logging_waits_for_another_writer(tracker: Tracker):
    tracker.start("key", params={}, tags={})
    other = sqlite3.connect(tracker.uri.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    release = threading.Timer(0.3, other.rollback)
    release.start()
    tracker.log({"loss": 1.0}, 0)
    release.join()
    other.close()
    assert steps_of(tracker, "loss") == [0]


def test_a_locked_database_is_tried_again_and_then_reported(mlflow_uri: str, monkeypatch: pytest.MonkeyPatch):
    open_client(mlflow_uri)
    from mlflow.exceptions import MlflowException

    monkeypatch.setattr(locks, "LOCK_PAUSES_SECONDS", (0.0, 0.0))
    calls = []

    @patient
    def locked(times: int) -> str:
        calls.append(times)
        if len(calls) <= times:
            raise MlflowException("(sqlite3.OperationalError) database is locked")
        return "written"

    assert locked(2) == "written"
    calls.clear()
    with pytest.raises(StorageError, match="Stop that process"):
        locked(3)
    with pytest.raises(MlflowException, match="something else"):
        patient(lambda: (_ for _ in ()).throw(MlflowException("something else")))()


def test_a_database_that_cannot_be_is_refused_at_once(tmp_path: Path):
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "mlflow.db").write_text("not a database at all")
    for uri, reason in (
        (f"sqlite:///{tmp_path}/file/mlflow.db", "cannot be written"),
        (f"sqlite:///{tmp_path}/mlflow.db", "not a SQLite database"),
        ("sqlite:///mlflow.db", "relative path"),
    ):
        with pytest.raises(StorageError, match=reason):
            open_client(uri)


def test_a_deleted_experiment_is_named_with_what_to_do(tracker: Tracker):
    tracker.start("key", params={}, tags={})
    client = open_client(tracker.uri)
    client.delete_experiment(client.get_experiment_by_name(tracker.experiment).experiment_id)
    with pytest.raises(StorageError, match="mlflow experiments restore"):
        tracker.start("key", params={}, tags={})


def test_params_are_flat_and_readable():
    nested = {"model": {"width": 64, "towers": ["image", "text"], "extra": {}}, "name": "tiny", "bf16": True}
    assert flatten(nested) == {
        "model.width": "64",
        "model.towers": '["image", "text"]',
        "model.extra": "{}",
        "name": "tiny",
        "bf16": "true",
    }
