import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pipelines import storage
from pipelines.errors import StorageError
from pipelines.storage.leases import Lease

ROOT = Path(__file__).parents[3]
HOLDS = """
import sys, time
from pipelines import storage
with storage.exclusive(sys.argv[1], what="pack tiny/s", lease_seconds=2):
    print("held", flush=True)
    time.sleep(60)
"""


def holding(uri: str) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLDS, uri], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


@pytest.mark.parametrize("root", ["local", "s3"])
def test_the_second_run_is_told_who_works_on_the_folder(root: str, request: pytest.FixtureRequest, tmp_path: Path):
    uri = str(tmp_path / "snapshot") if root == "local" else f"{request.getfixturevalue('s3_root')}/snapshot"
    first = holding(uri)
    try:
        with (
            pytest.raises(StorageError, match=rf"snapshot: pack tiny/s works on it, process {first.pid} on .* UTC\."),
            storage.exclusive(uri, what="pack tiny/s"),
        ):
            pass
    finally:
        first.kill()
        first.wait()
        first.stdout.close()


def test_a_lock_is_free_at_once_when_its_holder_is_killed(tmp_path: Path):
    first = holding(str(tmp_path))
    first.kill()
    first.wait()
    first.stdout.close()
    with storage.exclusive(str(tmp_path), what="pack"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_lease_ends_some_time_after_its_holder_was_killed(s3_root: str):
    first = holding(s3_root)
    first.kill()
    first.wait()
    first.stdout.close()
    with (
        pytest.raises(StorageError, match="its lease ends 2 s after its last sign of life"),
        storage.exclusive(s3_root, what="pack", lease_seconds=2),
    ):
        pass
    time.sleep(2.5)
    with storage.exclusive(s3_root, what="pack", lease_seconds=2):
        pass
    assert storage.names(s3_root) == []


def test_a_holder_that_lives_keeps_its_lease(s3_root: str):
    with storage.exclusive(s3_root, what="pack", lease_seconds=1):
        time.sleep(2.5)
        with pytest.raises(StorageError, match="works on it"), storage.exclusive(s3_root, what="x", lease_seconds=1):
            pass


def test_a_holder_whose_lease_was_taken_is_told_so(s3_root: str):
    with (  # noqa: PT012
        pytest.raises(StorageError, match="another run took it over while this one"),
        storage.exclusive(s3_root, what="pack", lease_seconds=1),
    ):
        storage.write_json(f"{s3_root}/.lock", {"token": "of another", "seen": time.time()})
        time.sleep(1)
    assert storage.read_json(f"{s3_root}/.lock")["token"] == "of another"  # noqa: S105


def test_many_threads_hold_a_folder_one_after_the_other(tmp_path: Path):
    inside, most, refused = [], [], []

    def run() -> None:
        for _ in range(50):
            try:
                with storage.exclusive(str(tmp_path), what="count"):
                    inside.append(1)
                    most.append(len(inside))
                    inside.pop()
            except StorageError:
                refused.append(1)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1}
    assert len(most) + len(refused) == 200


def test_of_two_leases_made_at_once_one_wins(s3_root: str):
    leases = [Lease(f"{s3_root}/.lock", {"token": str(number)}, seconds=5) for number in range(2)]
    outcomes: list[object] = []
    threads = [threading.Thread(target=lambda lease=lease: outcomes.append(lease.acquire())) for lease in leases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcome is None for outcome in outcomes) == [False, True]
    for lease in leases:
        if lease._thread.is_alive():
            lease.release()
