import itertools
import math
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from pipelines.errors import CorpusError, ShardError
from pipelines.parallel import map_as_done, map_shards, num_cores
from tests.pipelines.parallel import work

ROOT = Path(__file__).parents[3]
SLEEPS = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests run in the background
from pipelines.parallel import map_shards
map_shards(time.sleep, [60, 60], num_workers=2, what="sleep")
"""


@pytest.mark.parametrize("num_workers", [0, 1, 3])
def test_results_stand_in_the_order_of_the_tasks(num_workers: int):
    assert map_shards(math.sqrt, [25, 4, 9, 16], num_workers=num_workers, what="roots") == [5, 2, 3, 4]


def test_no_tasks_give_no_results():
    assert map_shards(math.sqrt, [], num_workers=2, what="roots") == []


def test_no_worker_at_all_is_refused():
    with pytest.raises(CorpusError, match="num_workers = -1, expected 1 or more, or 0 for one per core"):
        map_shards(math.sqrt, [4], num_workers=-1, what="roots")


def test_a_place_that_does_not_exist_is_refused():
    with pytest.raises(CorpusError, match="on = 'slurm', expected"):
        map_shards(math.sqrt, [4], num_workers=1, what="roots", on="slurm")


def test_one_worker_per_core_counts_the_cores_that_this_process_may_use():
    assert 1 <= num_cores() <= os.cpu_count()


@pytest.mark.parametrize("num_workers", [1, 2])
def test_tasks_are_taken_only_as_workers_become_free(num_workers: int):
    taken = itertools.count()
    tasks = (next(taken) for _ in range(100_000))
    with closing(map_as_done(work.doubled, tasks, num_workers=num_workers, what="double", total=100_000)) as results:
        found = sorted(itertools.islice(results, 20))
        assert next(taken) <= 20 + 2 * num_workers + 1
    assert all(value == 2 * position for position, value in found)


def test_what_a_task_raises_is_raised_here_and_says_where_it_happened():
    with pytest.raises(ValueError, match="math domain error") as caught:
        map_shards(math.sqrt, [4, -1, 9, 16], num_workers=2, what="roots")
    assert "in a worker process" in caught.value.__notes__[0]


@pytest.mark.parametrize("num_workers", [1, 2])
def test_after_a_failure_nothing_new_starts_and_what_was_done_is_kept(num_workers: int):
    done = []
    with pytest.raises(ShardError, match="shard 3: is odd"):  # noqa: PT012
        for _, value in map_as_done(
            work.refuses_odd, iter([0, 2, 3, *range(4, 90)]), num_workers=num_workers, what="x"
        ):
            done.append(value)
    assert 2 in done
    assert 88 not in done


@pytest.mark.parametrize("num_workers", [1, 2])
def test_everything_that_failed_is_told_in_one_error_of_the_shared_type(num_workers: int):
    with pytest.raises(ShardError) as caught:
        map_shards(work.refuses_odd, range(40), num_workers=num_workers, what="pack c/s", keep_going=True)
    assert str(caught.value).startswith("pack c/s: 20 of 40 tasks failed:\n- shard ")
    assert str(caught.value).count("is odd, expected an even one. Leave it out.") == 5
    assert str(caught.value).endswith("And 15 more.")


def test_failures_of_two_types_share_their_base():
    with pytest.raises(CorpusError) as caught:
        map_shards(work.refuses_each_in_its_way, range(4), num_workers=2, what="x", keep_going=True)
    assert type(caught.value) is CorpusError


def test_a_bug_keeps_its_own_type_and_tells_of_the_others():
    with pytest.raises(KeyError, match="no such column") as caught:
        map_shards(work.fails_by_a_bug, range(6), num_workers=2, what="x", keep_going=True)
    assert "x: 4 of 6 tasks failed" in caught.value.__notes__[-1]


def test_an_exception_that_does_not_pickle_is_told_in_words():
    with pytest.raises(RuntimeError, match="StubbornError: a lock went with 0") as caught:
        map_shards(work.raises_what_does_not_pickle, [0, 1], num_workers=2, what="x")
    assert "raises_what_does_not_pickle" in caught.value.__notes__[0]


def test_a_result_that_does_not_pickle_is_an_error_of_its_task():
    with pytest.raises(TypeError, match="cannot pickle"):
        map_shards(work.returns_what_does_not_pickle, [0, 1], num_workers=2, what="x")


def test_a_listing_that_breaks_off_is_raised_after_what_is_under_way_finished():
    def tasks():
        yield from (0, 2, 4)
        raise ShardError("the listing: line 4 is cut short")

    done = []
    with pytest.raises(ShardError, match="line 4 is cut short"):
        done.extend(value for _, value in map_as_done(work.refuses_odd, tasks(), num_workers=2, what="x"))
    with pytest.raises(ShardError, match="line 4"):
        map_shards(work.refuses_odd, tasks(), num_workers=1, what="x")


def test_the_task_of_a_worker_that_was_killed_is_tried_in_a_fresh_one(tmp_path: Path):
    folders = [tmp_path / "once", tmp_path / "twice"]
    for folder in folders:
        folder.mkdir()
    tasks = [(str(folder), times) for times, folder in enumerate(folders, start=1)]
    assert map_shards(work.dies_until, tasks, num_workers=2, what="x") == ["done", "done"]


def test_a_worker_that_always_dies_is_reported_with_its_task_and_the_rest_is_done():
    with pytest.raises(CorpusError, match=r"pack: the worker died 3 times \(exit code 7\) on 3\."):
        map_shards(work.dies_on_three, range(6), num_workers=2, what="pack", keep_going=True)


def test_a_worker_that_dies_while_its_child_holds_the_socket_is_noticed():
    with pytest.raises(CorpusError, match=r"died 3 times \(exit code 9\) on 1"):
        map_shards(work.leaves_a_child_that_holds_the_socket, [0, 1], num_workers=2, what="x")


def test_closing_the_results_ends_the_workers(tmp_path: Path):
    tasks = [str(tmp_path)] * 2
    results = map_as_done(work.notes_and_waits, tasks, num_workers=2, what="x")
    with pytest.raises(KeyboardInterrupt):
        interrupted_when(lambda: len(list(tmp_path.iterdir())) == 2, lambda: next(results))
    assert wait_until(lambda: not any(is_alive(int(path.name)) for path in tmp_path.iterdir()))


def interrupted_when(condition, call):
    """Raise in `call` once the condition holds, as a signal does."""

    def look(number, frame):
        del number, frame
        if condition():
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
    try:
        call()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def children_of(process: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process)], capture_output=True, text=True, check=False)
    return [int(line) for line in listed.stdout.split()]


def wait_until(condition, seconds: float = 20) -> bool:
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
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_its_parent(how: signal.Signals):
    parent = subprocess.Popen(
        [sys.executable, "-c", SLEEPS],
        cwd=ROOT,
        start_new_session=True,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        assert wait_until(lambda: len(children_of(parent.pid)) == 2)
        workers = children_of(parent.pid)
        time.sleep(0.5)  # until they sleep
        if how is signal.SIGINT:
            os.killpg(parent.pid, how)  # as a terminal does
        else:
            parent.send_signal(how)
        assert parent.wait(10) != 0
        assert wait_until(lambda: not any(is_alive(worker) for worker in workers))
    finally:
        parent.kill()
        parent.wait()
