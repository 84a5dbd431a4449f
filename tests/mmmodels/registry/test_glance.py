"""What is read straight from MLflow's database is what its client says."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mmmodels.registry import glance
from mmmodels.registry.glance import RegisteredModel, experiment_of, registered_model
from mmmodels.registry.promotion import register
from mmmodels.tracking import open_client


@pytest.fixture
def name(mlflow_uri: str, logged: Callable[[str], str], request: pytest.FixtureRequest) -> str:
    """Three versions, the second deleted, one alias besides the challenger's."""
    name = f"glanced at in {request.node.name}"[:200]
    for run_key in ("one", "two", "three"):
        register(logged(run_key), name, tracking_uri=mlflow_uri, tags={"checkpoint_uri": f"somewhere/{run_key}"})
    client = open_client(mlflow_uri)
    client.set_registered_model_alias(name, "champion", "1")
    client.delete_model_version(name, "2")
    return name


def test_a_glance_sees_what_the_client_sees(name: str, mlflow_uri: str, monkeypatch: pytest.MonkeyPatch):
    seen = registered_model(name, tracking_uri=mlflow_uri)
    assert seen.aliases == {"champion": 1, "challenger": 3}
    assert seen.tags[3]["checkpoint_uri"] == "somewhere/three"
    monkeypatch.setattr(glance, "_database", lambda _: None)
    assert registered_model(name, tracking_uri=mlflow_uri) == seen


def test_a_version_is_found_by_its_run_key_unless_it_was_deleted(name: str, mlflow_uri: str):
    seen = registered_model(name, tracking_uri=mlflow_uri)
    assert [seen.version_of(run_key) for run_key in ("one", "two", "three", "four")] == [1, None, 3, None]


def test_nothing_is_known_where_there_is_no_database_yet(tmp_path: Path):
    empty = tmp_path / "empty.db"
    empty.touch()
    for path in (tmp_path / "none.db", empty):
        assert registered_model("x", tracking_uri=f"sqlite:///{path}") == RegisteredModel(name="x")
        assert experiment_of("x", tracking_uri=f"sqlite:///{path}") == ""
    assert not (tmp_path / "none.db").exists()


def test_the_experiment_of_a_run_is_the_one_in_its_address(run_id: str, mlflow_uri: str):
    experiment = open_client(mlflow_uri).get_run(run_id).info.experiment_id
    assert experiment_of(run_id, tracking_uri=mlflow_uri) == experiment


def test_a_glance_does_not_import_mlflow(mlflow_uri: str):
    code = (
        "import sys; from mmmodels.registry.glance import registered_model; "
        "registered_model('x', tracking_uri=sys.argv[1]); sys.exit('mlflow' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, mlflow_uri], check=True, timeout=60)
