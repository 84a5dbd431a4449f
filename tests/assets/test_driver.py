"""What a person reads: lines while it runs, a complaint when it stops, settings that are refused."""

import logging
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.definitions import defs
from assets.journey import FROM_TERMINAL, Failure, Outcome, _failures, bury_orphans
from assets.settings import run_config_of
from assets.summary import complaint
from assets.terminal import terminal
from mmmodels.errors import RecipeError
from pipelines.errors import SourceError
from pipelines.samples import Snapshot

JOURNEY = defs.resolve_job_def("journey")
"""Resolved before any test: Dagster would ask the instance of the latest one, which is gone."""


@dg.asset
def good() -> dg.MaterializeResult[None]:
    logging.getLogger("dagster").info("a detail")
    return dg.MaterializeResult(metadata={"headline": "3 things"})


@dg.asset
def bad() -> None:
    raise SourceError("corpus x: is away. Bring it back.")


@dg.asset
def broken() -> None:
    raise KeyError("oops")


@dg.asset_check(asset=good, blocking=True)
def narrow() -> dg.AssetCheckResult:
    """Never passes."""
    return dg.AssetCheckResult(passed=False, description="too narrow. Widen it.")


@dg.asset(deps=[good])
def after() -> None:
    raise AssertionError("a blocking check stood before this")


def run(tmp_path: Path, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    job = dg.define_asset_job("all", dg.AssetSelection.all(), executor_def=dg.in_process_executor)
    defs = dg.Definitions(
        assets=[good, bad, broken, after], asset_checks=[narrow], loggers={"terminal": terminal}, jobs=[job]
    )
    return defs.resolve_job_def("all").execute_in_process(
        run_config={"loggers": {"terminal": {"config": {"log_path": str(tmp_path / "run.log")}}}},
        raise_on_error=False,
        instance=instance,
    )


def test_one_line_per_asset_and_the_rest_in_a_file(
    instance: dg.DagsterInstance, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path, instance)
    said = capsys.readouterr().out
    assert [line.split()[0] for line in said.splitlines() if "3 things" in line] == ["good"]
    assert "FAILED: narrow of good\n    too narrow. Widen it." in said
    assert "DEBUG" not in said
    log = (tmp_path / "run.log").read_text()
    assert "RUN_START" in log
    assert "Traceback" in log or "raise SourceError" in log


def test_failures_say_which_step_and_what_to_do(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    ran = run(tmp_path, instance)
    found = {failure.step: failure for failure in _failures(ran.all_events)}
    assert set(found) == {"bad", "broken", "narrow of good"}
    assert found["bad"].message == "corpus x: is away. Bring it back."
    assert found["bad"].is_mendable
    assert found["narrow of good"].message == "too narrow. Widen it."
    assert not found["broken"].is_mendable
    assert found["broken"].error == "KeyError"


def test_a_complaint_has_the_message_and_no_traceback(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    ran = run(tmp_path, instance)
    text = complaint(outcome(tmp_path, list(_failures(ran.all_events))))
    assert "Stopped at bad.\n  corpus x: is away. Bring it back." in text
    assert "KeyError: 'oops'\n  This is a fault of the program" in text
    assert str(tmp_path / "run.log") in text
    assert "File " not in text


def outcome(tmp_path: Path, failures: list[Failure]) -> Outcome:
    snapshot = Snapshot(corpus="tiny", snapshot="1")
    return Outcome(snapshot=snapshot, run_id="r", log_path=tmp_path / "run.log", made={}, failures=failures)


@pytest.mark.parametrize(
    ("steps", "refused"),
    [
        (["gate of registered_aligner"], True),
        (["gate of registered_aligner", "classifier"], False),
        ([], False),
    ],
)
def test_a_refusal_by_the_gate_alone_is_an_answer(tmp_path: Path, steps: list[str], refused: bool) -> None:
    failures = [Failure(step=step, error="", message="") for step in steps]
    assert outcome(tmp_path, failures).was_refused is refused


def test_runs_of_killed_journeys_are_marked_as_failed_and_others_are_left_alone(instance: dg.DagsterInstance) -> None:
    job = dg.Definitions(assets=[good], jobs=[dg.define_asset_job("j")]).resolve_job_def("j")
    started = dg.DagsterRunStatus.STARTED
    dead = instance.create_run_for_job(job, status=started, tags={**FROM_TERMINAL, "trivium/process": "99"})
    from_ui = instance.create_run_for_job(job, status=started, tags={})
    bury_orphans(instance)
    states = {run.run_id: run.status for run in instance.get_runs()}
    assert states == {dead.run_id: dg.DagsterRunStatus.FAILURE, from_ui.run_id: started}


def test_settings_become_run_config() -> None:
    settings = ["aligner.training.num_steps=50", "curated_view.min_characters=2", "gate.held_out_concepts=1.5"]
    settings += ["shards.samples_per_shard=500", "shards.retry=false", "shards.media_check=header"]
    assert run_config_of(settings) == {
        "ops": {
            "aligner": {"config": {"overrides": {"training.num_steps": "50"}}},
            "curated_view": {"config": {"params": {"min_characters": "2"}}},
            "shards": {"config": {"samples_per_shard": 500, "retry": False, "media_check": "header"}},
        },
        "resources": {"gate": {"config": {"held_out_concepts": 1.5}}},
    }


@pytest.mark.parametrize("setting", ["aligner", "aligner=3", "shards.size=3", "gate.held_out_concepts=much", "=", ""])
def test_a_setting_that_means_nothing_is_refused(setting: str) -> None:
    with pytest.raises(RecipeError, match="--set"):
        run_config_of([setting])


def test_definitions_take_the_settings(tmp_path: Path) -> None:
    config: dict[str, Any] = run_config_of(
        ["gate.held_out_concepts=0", "aligner.training.num_steps=5", "shards.max_failure_rate=0.2"]
    )
    config["loggers"] = {"terminal": {"config": {"log_path": str(tmp_path / "log")}}}
    dg.validate_run_config(JOURNEY, config)
