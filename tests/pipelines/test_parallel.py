import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.errors import CorpusError
from pipelines.parallel import map_shards

DIES_ONCE = """
import os
from pathlib import Path

def work(mark):
    if not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), 9)
    return "done"
"""
SLEEPS = """
import time
from pipelines.parallel import map_shards
map_shards(time.sleep, [60, 60], num_workers=2, what="sleep")
"""


@pytest.mark.parametrize("num_workers", [1, 3])
def test_results_stand_in_the_order_of_the_tasks(num_workers: int):
    assert map_shards(math.sqrt, [25, 4, 9, 16], num_workers=num_workers, what="roots") == [5, 2, 3, 4]


def test_no_tasks_give_no_results():
    assert map_shards(math.sqrt, [], num_workers=2, what="roots") == []


def test_what_a_task_raises_is_raised_here_and_says_where_it_happened():
    with pytest.raises(ValueError, match="math domain error") as caught:
        map_shards(math.sqrt, [4, -1, 9, 16], num_workers=2, what="roots")
    assert "in a worker process" in caught.value.__notes__[0]


def test_a_worker_that_dies_is_reported_with_its_task():
    with pytest.raises(CorpusError, match=r"pack: the worker died twice \(exit code 7\) on 7"):
        map_shards(os._exit, [7, 7], num_workers=2, what="pack")


def test_the_task_of_a_worker_that_died_is_tried_once_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "dies_once.py").write_text(DIES_ONCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    import dies_once  # type: ignore[import-not-found]

    assert map_shards(dies_once.work, [str(tmp_path / "a"), str(tmp_path / "b")], num_workers=2, what="x") == [
        "done",
        "done",
    ]


def children_of(process: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process)], capture_output=True, text=True, check=False)
    return [int(line) for line in listed.stdout.split()]


def wait_until(condition, seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split(") ")[1][0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_no_worker_outlives_its_parent(how: signal.Signals):
    parent = subprocess.Popen(
        [sys.executable, "-c", SLEEPS], start_new_session=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    try:
        assert wait_until(lambda: len(children_of(parent.pid)) == 2)
        workers = children_of(parent.pid)
        time.sleep(0.5)  # until they sleep
        if how is signal.SIGINT:
            os.killpg(parent.pid, how)  # as a terminal does
        else:
            parent.kill()
        assert parent.wait(10) != 0
        assert wait_until(lambda: not any(is_alive(worker) for worker in workers))
    finally:
        parent.kill()
        parent.wait()
