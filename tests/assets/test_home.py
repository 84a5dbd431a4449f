"""The home folder: made, held by one, refused where it cannot be."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from assets.home import Home, quieten
from pipelines.errors import StorageError

HOLD = """
import sys; from pathlib import Path; from assets.home import Home
with Home(Path(sys.argv[1])).held('a test'):
    print('held', flush=True)
    sys.stdin.read()
"""


def test_a_home_is_where_the_environment_says_or_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Home.of({"TRIVIUM_HOME": "/somewhere"}).path == Path("/somewhere")
    assert Home.of({}).path == tmp_path / ".trivium"
    assert Home.of({"TRIVIUM_HOME": "relative"}).path.is_absolute()


def test_preparing_twice_keeps_what_a_person_changed(tmp_path: Path) -> None:
    home = Home(tmp_path / "new" / "home")
    home.prepare()
    (home.dagster / "dagster.yaml").write_text("telemetry: {enabled: false}")
    home.prepare()
    assert (home.dagster / "dagster.yaml").read_text() == "telemetry: {enabled: false}"
    assert not list(home.path.rglob(".probe*"))


def test_a_home_that_cannot_be_written_is_refused_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match=r"cannot be written \(.*TRIVIUM_HOME="):
        Home(tmp_path / "file" / "home").prepare()


def test_a_home_is_held_by_one_process_at_a_time_and_free_when_that_is_killed(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(StorageError, match=rf"in use by process {other.pid} \(a test\)"), home.held("mine"):
            pass
        other.kill()
    with home.held("mine"):
        assert f"process {os.getpid()} (mine)" in (tmp_path / "journey.lock").read_text()


def test_quiet_switches_do_not_overrule_the_user() -> None:
    environment = {"HF_HUB_OFFLINE": "0"}
    quieten(environment)
    assert environment["HF_HUB_OFFLINE"] == "0"
    assert environment["RAY_USAGE_STATS_ENABLED"] == "0"
