"""Does it hang together: from a folder to a promoted model, once, again, interrupted, and with bad input."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.home import Home
from mmmodels.registry.glance import RegisteredModel, registered_model

Traveller = Any
ASSETS = {
    "source_records", "shards", "image_signals", "text_signals", "audio_signals", "fingerprints", "duplicates",
    "curated_view", "aligner", "aligner_report", "classifier", "classifier_report", "registered_aligner",
    "champion_aligner", "registered_classifier", "alignment_signals", "aligned_view",
}  # fmt: skip
pytestmark = pytest.mark.slow
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")


def aligner_of(traveller: Traveller) -> RegisteredModel:
    (folder,) = (traveller.home / "root" / "shards").iterdir()
    return registered_model(f"aligner-{folder.name}", tracking_uri=Home(traveller.home).tracking_uri)


def runs_of(traveller: Traveller) -> list[dg.DagsterRun]:
    with dg.DagsterInstance.from_config(str(traveller.home / "dagster")) as instance:
        return list(instance.get_runs())


def test_a_folder_becomes_a_champion_and_a_person_reads_how_good_it_is(travelled: tuple[Traveller, str]) -> None:
    traveller, said = travelled
    assert re.search(r"records +240\n +samples +240 in 1 shards\n", said)
    assert re.search(r"kept +\d+ \(train \d+, held_out_concept \d+", said)
    assert len(re.findall(r"^  \w+ to \w+ +\d+ ", said, flags=re.MULTILINE)) == 12
    assert re.search(r"MLflow: aligner-patterns-\w+ version 1, alias champion", said)
    assert re.search(r"MLflow: classifier-patterns-\w+ version 1", said)
    assert "make ui" in said
    assert aligner_of(traveller).aliases == {"champion": 1}


def test_dagster_knows_every_asset_and_mlflow_knows_the_dagster_run(travelled: tuple[Traveller, str]) -> None:
    traveller, _ = travelled
    with dg.DagsterInstance.from_config(str(traveller.home / "dagster")) as instance:
        keys = {key.to_user_string() for key in instance.all_asset_keys()}
        events = {key: instance.get_latest_materialization_event(dg.AssetKey(key)) for key in keys}
        (run, *_) = [run for run in instance.get_runs() if run.status is dg.DagsterRunStatus.SUCCESS][-1:]
    assert keys == ASSETS
    for key, event in events.items():
        assert event is not None
        assert event.asset_materialization is not None
        assert re.fullmatch(r"[0-9a-f]{64}", (event.asset_materialization.tags or {})["dagster/data_version"]), key
    tags = aligner_of(traveller).tags[1]
    assert tags["dagster.run_id"] == run.run_id
    assert Path(tags["checkpoint_uri"], "model.safetensors").is_file()


def test_a_second_journey_finds_everything_done_and_loads_no_framework(travelled: tuple[Traveller, str]) -> None:
    traveller, _ = travelled
    code, said = traveller.travel()
    assert code == 0, said
    assert said.count("trained before") == 2
    assert said.rstrip().endswith("loaded:"), said
    assert aligner_of(traveller).aliases == {"champion": 1}
    assert list(aligner_of(traveller).tags) == [1]


@linux
def test_a_journey_leaves_no_process_behind(travelled: tuple[Traveller, str]) -> None:
    traveller, _ = travelled
    assert traveller.left_processes() == []


def test_a_home_in_use_is_refused_with_the_process_that_has_it(travelled: tuple[Traveller, str]) -> None:
    traveller, _ = travelled
    with Home(traveller.home).held("another journey"):
        code, said = traveller.travel()
    assert code == 1
    assert f"in use by process {os.getpid()} (another journey)" in said
    assert "Traceback" not in said


@pytest.mark.slow
@linux
@pytest.mark.parametrize("line", ["shards", "curated_view", "aligner", "registered_aligner"])
def test_killed_after_any_asset_it_goes_on_from_there(traveller: Traveller, line: str) -> None:
    with traveller.start() as process:
        wait_for(process, line)
        process.kill()
    deadline = time.monotonic() + 20
    while traveller.left_processes() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert traveller.left_processes() == []
    code, said = traveller.travel()
    assert code == 0, said
    assert said.count("trained before") == (1 if line == "aligner" else 2 if line == "registered_aligner" else 0)
    assert sorted(run.status.value for run in runs_of(traveller)) == ["FAILURE", "SUCCESS"]
    assert list(aligner_of(traveller).tags) == [1]


@pytest.mark.slow
@linux
@pytest.mark.parametrize(("number", "seconds"), [(signal.SIGINT, 0.5), (signal.SIGTERM, 3), (signal.SIGINT, 15)])
def test_interrupted_it_leaves_no_process_and_says_how_to_go_on(
    traveller: Traveller, number: signal.Signals, seconds: float
) -> None:
    """After half a second the frameworks are being imported, after some more the model trains."""
    with traveller.start("aligner.training.num_steps=100000") as process:
        wait_for(process, "curated_view")
        time.sleep(seconds)
        process.send_signal(number)
        try:
            said, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "goes on from where it was" in said
    assert "Traceback" not in said
    assert traveller.left_processes() == []


@pytest.mark.slow
@pytest.mark.ray
@linux
def test_two_ray_workers_train_the_champion_and_end_with_it(traveller: Traveller) -> None:
    settings = [f"{asset}.training.num_workers=2" for asset in ("aligner", "classifier")]
    code, said = traveller.travel(*settings)
    assert code == 0, said
    assert "alias champion" in said
    assert traveller.left_processes() == []


def wait_for(process: "subprocess.Popen[str]", asset: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.split()[:1] == [asset]:
            return
    raise AssertionError(f"ended before {asset}")


def test_three_samples_are_too_few_and_it_says_how_many_are_needed(tmp_path: Path, tiny_corpus: Path) -> None:
    for name in ("animals", "vehicles"):
        for path in (tiny_corpus / name).iterdir():
            path.unlink()
    code, said = journey(tmp_path / "home", str(tiny_corpus))
    assert code == 1
    assert "Stopped at view_is_large_enough of curated_view." in said
    assert "at least 64 are needed" in said
    assert "Traceback" not in said


def test_what_is_no_corpus_is_told_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for corpus, expected in (("opnmoji", "Did you mean openmoji?"), (str(tmp_path / "empty"), "no media")):
        code, said = journey(tmp_path / "home", corpus)
        assert (code, "Traceback" in said) == (1, False)
        assert expected in said


def test_a_home_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    code, said = journey(tmp_path / "file" / "home", "openmoji")
    assert code == 1
    assert "cannot be written" in said
    assert "Traceback" not in said


def journey(home: Path, corpus: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "assets", "journey", "--corpus", corpus],
        env={**os.environ, "TRIVIUM_HOME": str(home)}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr
