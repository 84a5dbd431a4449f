"""Workers and runs that are killed in the middle of measuring."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from pipelines.layout import Layout
from pipelines.parallel import map_as_done
from pipelines.samples import Snapshot
from pipelines.shards.packing import PackingConfig, pack
from pipelines.signals import measuring
from pipelines.signals.measuring import measure
from tests.pipelines.shards.listed import Listed

ROOT = Path(__file__).parents[3]
NUM_SHARDS = 200
MEASURES = """
import sys
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.signals.measuring import measure
snapshot = Snapshot(corpus="listed", snapshot="one")
measure(Layout(sys.argv[1]), snapshot, families=["text", "fingerprints"], num_workers=2)
"""
FAMILIES = ["text", "fingerprints"]


@pytest.fixture
def many(tmp_path: Path) -> tuple[Layout, Snapshot]:
    """So many that a run is caught in the middle, each of one caption."""
    layout = Layout(str(tmp_path / "root"))
    source = Listed(names=tuple(f"thing {number}" for number in range(NUM_SHARDS)))
    return layout, pack(source, layout=layout, config=PackingConfig(samples_per_shard=1, num_workers=1)).snapshot


def files(layout: Layout) -> dict[str, bytes]:
    """Every file of the signals, hidden ones too."""
    root = Path(layout.root) / "signals"
    paths = (path for path in sorted(root.rglob("*")) if path.is_file() and path.name != "_cost.json")
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


def started(layout: Layout, condition: Callable[[psutil.Process], bool]) -> subprocess.Popen[bytes]:
    """A run that got so far."""
    process = subprocess.Popen([sys.executable, "-c", MEASURES, layout.root], cwd=ROOT, start_new_session=True)
    end = time.monotonic() + 60
    while not condition(psutil.Process(process.pid)):
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.001)
    return process


@pytest.fixture
def whole(many: tuple[Layout, Snapshot], tmp_path: Path) -> dict[str, bytes]:
    """The files of a run that nobody disturbed."""
    layout, snapshot = many
    measure(layout, snapshot, families=FAMILIES, num_workers=1)
    found = files(layout)
    (tmp_path / "root" / "signals").rename(tmp_path / "whole")
    return found


@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced(many, whole):
    layout, _ = many
    process = started(layout, lambda run: len(run.children()) == 2)  # each has its first task
    psutil.Process(process.pid).children()[0].kill()
    assert process.wait(120) == 0
    assert files(layout) == whole


@pytest.mark.slow
@pytest.mark.parametrize("whom", ["the run", "its workers too"])
@pytest.mark.slow
def test_a_run_that_is_killed_is_finished_by_the_next_one(many, whole, whom: str):
    layout, snapshot = many
    process = started(layout, lambda _: any(Path(layout.root).glob("signals/*/*/*/0*.parquet")))
    workers = psutil.Process(process.pid).children()
    if whom == "the run":
        process.kill()  # its workers see that it is gone
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    psutil.wait_procs(workers, timeout=20)
    left = {path: path.stat().st_mtime_ns for path in Path(layout.root).glob("signals/*/*/*/0*.parquet")}
    assert 0 < len(left) < 2 * NUM_SHARDS
    report = measure(layout, snapshot, families=FAMILIES, num_workers=1)
    done = sum(family.num_shards_measured for family in report.families.values())
    assert done == 2 * NUM_SHARDS - len(left)
    assert {path: path.stat().st_mtime_ns for path in left} == left
    assert files(layout) == whole


def test_what_a_killed_run_left_half_written_is_removed(many):
    layout, snapshot = many
    folder = Path(layout.signals("text@2", snapshot))
    folder.mkdir(parents=True)
    (folder / ".00000000.parquet.999999999.partial").touch()
    measure(layout, snapshot, families=["text"], num_workers=1)
    assert not list(folder.glob(".*"))


def test_tasks_are_made_as_workers_ask_for_them(many, monkeypatch: pytest.MonkeyPatch):
    layout, snapshot = many
    ahead = []

    def watching(function, tasks, **settings):
        made = []
        watched = (made.append(task) or task for task in tasks)
        for position, result in map_as_done(function, watched, **settings):
            ahead.append(len(made) - position)
            yield position, result

    monkeypatch.setattr(measuring, "map_as_done", watching)
    measure(layout, snapshot, families=["text"], num_workers=1)
    assert len(ahead) == NUM_SHARDS
    assert max(ahead) <= 2
