import itertools
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from pipelines.errors import CorpusError, ShardError
from pipelines.layout import Layout
from pipelines.parallel import RayCluster, map_as_done, map_shards
from pipelines.shards.packing import PackingConfig, pack
from pipelines.sources.folder import open_folder
from tests.pipelines.parallel import work
from tests.ray_cluster import running_head, running_node

pytestmark = [
    pytest.mark.ray,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of Ray's own sockets and logs
    pytest.mark.filterwarnings("ignore:Tip. In future versions of Ray:FutureWarning"),
]
ROOT = Path(__file__).parents[3]

WAITS = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests run in the background
from pipelines.parallel import map_shards
from tests.pipelines.parallel.work import notes_and_waits
map_shards(notes_and_waits, sys.argv[1:2] * 2, num_workers=2, what="wait", on="ray", ray_address=sys.argv[2])
"""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A running cluster of two cores, started from another folder with nothing of ours to import."""
    with running_head("--num-cpus=2") as (told, *_):
        yield told


def test_results_stand_in_the_order_of_the_tasks_on_a_cluster_that_is_started_here():
    taken = itertools.count()
    tasks = (next(taken) for _ in range(12))
    assert map_shards(work.doubled, tasks, num_workers=2, what="double", on="ray") == list(range(0, 24, 2))


def test_our_code_travels_to_a_running_cluster(address: str):
    assert map_shards(work.doubled, range(5), num_workers=0, what="x", on="ray", ray_address=address) == [0, 2, 4, 6, 8]


def test_tasks_are_handed_over_only_as_workers_become_free(address: str):
    taken = itertools.count()
    tasks = (next(taken) for _ in range(100_000))
    results = map_as_done(work.doubled, tasks, num_workers=2, what="x", total=100_000, on="ray", ray_address=address)
    with closing(results):
        assert len(list(itertools.islice(results, 10))) == 10
        assert next(taken) <= 15


def test_errors_are_those_of_processes(address: str):
    with pytest.raises(ShardError, match="3 of 6 tasks failed:\n- shard 1: is odd") as caught:
        map_shards(work.refuses_odd, range(6), num_workers=2, what="x", on="ray", ray_address=address, keep_going=True)
    assert "in a worker process" in caught.value.__cause__.__notes__[0]
    with pytest.raises(RuntimeError, match="StubbornError: a lock went with 0"):
        map_shards(work.raises_what_does_not_pickle, [0], num_workers=1, what="x", on="ray", ray_address=address)


def test_the_task_of_a_worker_that_was_killed_is_tried_again(tmp_path: Path, address: str):
    tasks = [(str(tmp_path), 2)]
    assert map_shards(work.dies_until, tasks, num_workers=1, what="x", on="ray", ray_address=address) == ["done"]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_worker_that_always_dies_is_reported_with_its_task(address: str):
    with pytest.raises(CorpusError, match=r"x: the worker died 3 times \(.*on 3\."):
        map_shards(work.dies_on_three, [3], num_workers=1, what="x", on="ray", ray_address=address)


def test_an_interrupt_cancels_what_runs(tmp_path: Path, address: str):
    driver = subprocess.Popen(
        [sys.executable, "-c", WAITS, str(tmp_path), address], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    try:
        assert wait_until(lambda: len(list(tmp_path.iterdir())) == 2)
        driver.send_signal(signal.SIGINT)
        assert driver.wait(30) != 0
        assert wait_until(lambda: not any(psutil.pid_exists(int(path.name)) for path in tmp_path.iterdir()))
    finally:
        driver.kill()
        driver.wait()


def wait_until(condition, seconds: float = 40) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return False


def test_a_cluster_that_grows_meanwhile_is_used_as_it_grows():
    with running_head("--num-cpus=1") as (told, environment, _):
        finished = map_as_done(
            work.names_its_node, iter(range(60)), num_workers=0, what="x", total=60, on="ray", ray_address=told
        )
        with closing(finished):
            nodes = [next(finished)[1]]
            with running_node(told, "--num-cpus=2", environment=environment):
                nodes += [node for _, node in finished]
    assert len(nodes) == 60
    assert len(set(nodes)) == 2


def test_tasks_share_gpus_as_they_are_told():
    with running_head("--num-cpus=2", "--num-gpus=1") as (told, *_):
        found = map_shards(
            work.names_its_gpus, range(4), num_workers=0, what="x", on=RayCluster(address=told, num_gpus=0.5)
        )
    assert found == [[0]] * 4


def test_a_machine_without_the_gpu_that_tasks_take_is_no_place_to_wait():
    with pytest.raises(CorpusError, match="x: each task takes 64 GPU, this machine has"):
        map_shards(work.doubled, [1], num_workers=1, what="x", on=RayCluster(num_gpus=64))


def test_shards_that_a_cluster_packed_are_those_of_processes(tiny_corpus: Path, tmp_path: Path, address: str):
    source = open_folder(tiny_corpus, corpus="tiny")
    digests = set()
    for on in ("processes", "ray"):
        config = PackingConfig(samples_per_shard=5, num_workers=2, on=on, ray_address=address if on == "ray" else None)
        report = pack(source, layout=Layout(str(tmp_path / on)), config=config)
        assert (report.num_samples, report.num_shards_written) == (12, 3)
        digests.add(report.digest)
    assert len(digests) == 1


def test_a_cluster_that_is_not_there_is_named():
    with pytest.raises(CorpusError, match="no connection to a cluster at"):
        map_shards(work.doubled, [1], num_workers=1, what="x", on="ray", ray_address="127.0.0.1:1")
