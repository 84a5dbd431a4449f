"""Local copies: the bytes of the store, within a limit, with any number of processes of which any may be killed."""

import multiprocessing
import os
import signal
import time

import numpy as np
import pytest

from mmmodels.loading.copies import LocalCopies
from pipelines.errors import StorageError

PIECE = 1000


@pytest.fixture
def tar(tmp_path):
    """Stands for an object: 50 pieces and a half."""
    path = tmp_path / "object.tar"
    path.write_bytes(np.random.default_rng(0).bytes(50 * PIECE + 500))
    return path


def copies_in(folder, *, pieces=20, namespace=""):
    return LocalCopies(folder=folder, max_bytes=pieces * PIECE, namespace=namespace, piece_bytes=PIECE)


@pytest.mark.parametrize(
    ("offset", "size"), [(0, 10), (990, 20), (0, 1000), (999, 1), (1000, 5000), (50_400, 100), (3, 0)]
)
def test_a_range_is_what_the_store_has(tar, tmp_path, offset, size):
    copies = copies_in(tmp_path / "copies")
    for _ in range(2):
        assert copies.read(str(tar), offset, size) == tar.read_bytes()[offset : offset + size]


def test_a_range_over_the_end_is_as_short_as_the_file(tar, tmp_path):
    assert len(copies_in(tmp_path / "copies").read(str(tar), 50_400, 1000)) == 100


def test_what_was_read_once_needs_no_store(tar, tmp_path):
    copies = copies_in(tmp_path / "copies")
    before = copies.read(str(tar), 5000, 3000)
    tar.unlink()
    assert copies_in(tmp_path / "copies").read(str(tar), 5000, 3000) == before


def test_copies_of_another_state_of_the_shards_are_not_taken(tar, tmp_path):
    copies_in(tmp_path / "copies", namespace="one").read(str(tar), 0, 10)
    tar.write_bytes(b"x" * 2000)
    assert copies_in(tmp_path / "copies", namespace="two").read(str(tar), 0, 10) == b"x" * 10


def test_the_limit_holds_and_what_was_used_last_stays(tar, tmp_path):
    copies = copies_in(tmp_path / "copies", pieces=20)
    most = 0
    for number in range(50):
        copies.read(str(tar), number * PIECE, 10)
        for path in (tmp_path / "copies").glob("??/*-000000"):
            os.utime(path, (time.time() + 100, time.time() + 100))  # as if it had just been used
        most = max(most, copies.num_bytes())
    assert most <= 20 * PIECE
    kept = sorted(int(path.name[-6:]) for path in (tmp_path / "copies").glob("??/*"))
    assert kept[0] == 0
    assert kept[-1] == 49
    assert kept[1] > 25


def test_a_limit_below_four_pieces_is_an_error(tmp_path):
    with pytest.raises(StorageError, match="at least 4000"):
        copies_in(tmp_path, pieces=3)


def test_what_a_killed_process_left_goes_away(tar, tmp_path):
    folder = tmp_path / "copies"
    copies_in(folder).read(str(tar), 0, 10)
    (piece,) = folder.glob("??/*")
    aside = piece.with_name(".left.123.456")
    aside.write_bytes(b"half")
    os.utime(aside, (0, 0))
    copies_in(folder).num_bytes()
    assert not aside.exists()


def _read_for_ever(tar, folder, seed):
    copies, whole = copies_in(folder, pieces=8), tar.read_bytes()
    rng = np.random.default_rng(seed)
    while True:
        offset = int(rng.integers(0, 50_000))
        assert copies.read(str(tar), offset, 700) == whole[offset : offset + 700]


def test_processes_share_a_folder_and_survive_each_others_death(tar, tmp_path):
    context = multiprocessing.get_context("spawn")
    folder = tmp_path / "copies"
    readers = [context.Process(target=_read_for_ever, args=(tar, folder, seed), daemon=True) for seed in range(3)]
    for reader in readers:
        reader.start()
    try:
        end = time.monotonic() + 60
        while not folder.exists() and time.monotonic() < end:
            time.sleep(0.1)
        time.sleep(1)
        os.kill(readers[0].pid, signal.SIGKILL)
        time.sleep(1)
        assert [reader.is_alive() for reader in readers[1:]] == [True, True]
        # Each process may write a piece between two looks.
        assert copies_in(folder, pieces=8).num_bytes() <= (8 + 3) * PIECE
        assert copies_in(folder, pieces=8).read(str(tar), 20_000, 700) == tar.read_bytes()[20_000:20_700]
    finally:
        for reader in readers:
            reader.kill()
            reader.join()
