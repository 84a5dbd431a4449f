"""Measuring on a real cluster: the same files, places and figures through Ray and nothing else."""

import pickle
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from pipelines.errors import CorpusError
from pipelines.layout import Layout
from pipelines.shards.packing import PackingConfig, pack
from pipelines.signals.measuring import measure
from pipelines.signals.tasks import ShardTask, measure_shard
from tests.pipelines.shards.listed import Listed
from tests.ray_cluster import running_head

pytestmark = [
    pytest.mark.ray,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of Ray's own sockets and logs
    pytest.mark.filterwarnings("ignore:Tip. In future versions of Ray:FutureWarning"),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[tuple[str, int]]:
    """Address and process."""
    with running_head("--num-cpus=2") as (told, _, process):
        yield told, process


@pytest.fixture
def address(cluster: tuple[str, int]) -> str:
    return cluster[0]


def files(layout: Layout) -> dict[str, bytes]:
    root = Path(layout.root) / "signals"
    paths = (path for path in sorted(root.rglob("*")) if path.is_file() and path.name != "_cost.json")
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


def test_a_cluster_writes_the_files_that_processes_write(tiny_snapshot, address: str):
    layout, snapshot = tiny_snapshot
    measure(layout, snapshot, num_workers=1)
    here = files(layout)
    (Path(layout.root) / "signals").rename(Path(layout.root) / "before")
    report = measure(layout, snapshot, on="ray", ray_address=address)
    assert {family.num_shards_measured for family in report.families.values()} == {3}
    assert files(layout) == here
    again = measure(layout, snapshot, on="ray", ray_address="127.0.0.1:1")  # nothing is missing: nobody is asked
    assert {family.num_shards_measured for family in again.families.values()} == {0}


def test_a_cluster_that_is_away_is_named(tiny_snapshot):
    with pytest.raises(CorpusError, match="no connection to a cluster at"):
        measure(*tiny_snapshot, on="ray", ray_address="127.0.0.1:1")


def test_the_shard_of_a_worker_that_was_killed_is_measured_by_another(tmp_path: Path, cluster: tuple[str, int]):
    address, head = cluster
    layout = Layout(str(tmp_path / "root"))
    source = Listed(names=tuple(f"thing {number}" for number in range(50)))
    snapshot = pack(source, layout=layout, config=PackingConfig(samples_per_shard=1, num_workers=1)).snapshot
    families = ["text", "fingerprints"]
    measure(layout, snapshot, families=families, num_workers=1)
    whole = files(layout)
    (Path(layout.root) / "signals").rename(tmp_path / "whole")
    killed: list[int] = []

    def kill_one() -> None:
        while not killed:  # the first task takes longest: the worker imports what measures
            killed.extend(kill_a_worker_of(head))
            time.sleep(0.01)

    killer = threading.Thread(target=kill_one, daemon=True)
    killer.start()
    report = measure(layout, snapshot, families=families, on="ray", ray_address=address)
    killer.join(10)
    assert killed
    assert report.families["text"].num_shards_measured == 50
    assert files(layout) == whole


def kill_a_worker_of(head: int) -> list[int]:
    """One that runs our task now; Ray writes the name of the task into the name of the process."""
    for process in psutil.Process(head).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if "ray::attempt" in " ".join(process.cmdline()):
                process.kill()
                return [process.pid]
    return []


def test_what_goes_through_the_cluster_is_small_whatever_a_shard_holds(tiny_snapshot):
    """Ray keeps what is under 100 KB out of its object store."""
    layout, snapshot = tiny_snapshot
    families = ("image", "text", "audio", "fingerprints")
    task = ShardTask(layout=layout, snapshot=snapshot, shard=0, tar_sha256="0" * 64, families=families)
    assert len(pickle.dumps((measure_shard, task))) < 1000
    assert len(pickle.dumps(measure_shard(task))) < 1000
