import os
import random
from pathlib import Path

import fsspec
import pytest

from pipelines import storage
from pipelines.errors import StorageError
from pipelines.storage.ranges import GAP_BYTES, REQUEST_BYTES, WINDOW_RANGES, merged

DATA = os.urandom(5 << 20)


@pytest.mark.parametrize("root", ["local", "memory", "s3"])
def test_ranges_come_in_the_order_asked_for(root: str, request: pytest.FixtureRequest, tmp_path: Path):
    folder = {"local": str(tmp_path), "memory": "memory://ranges"}.get(root) or request.getfixturevalue("s3_root")
    storage.write_atomic(f"{folder}/data", DATA)
    rng = random.Random(0)
    ranges = [(rng.randrange(len(DATA)), rng.choice((0, 1, 512, 40_000))) for _ in range(2 * WINDOW_RANGES + 10)]
    ranges += [(0, len(DATA)), (len(DATA) - 5, 10), (len(DATA) + 5, 10)]
    assert list(storage.read_ranges(f"{folder}/data", ranges)) == [DATA[at : at + size] for at, size in ranges]
    assert b"".join(storage.read_chunks(f"{folder}/data")) == DATA


def test_neighbours_are_one_request_and_distant_ranges_are_not():
    near = [(0, 100), (700, 100), (100, 600)]
    assert merged(near) == [(0, 800)]
    assert merged([(0, 100), (100 + GAP_BYTES, 100)]) == [(0, GAP_BYTES + 200)]
    assert merged([(0, 100), (101 + GAP_BYTES, 100)]) == [(0, 100), (101 + GAP_BYTES, 201 + GAP_BYTES)]


def test_a_request_stays_bounded_and_a_range_inside_another_is_not_fetched_twice():
    half = REQUEST_BYTES // 2
    assert merged([(0, half), (half, half), (2 * half, half)]) == [(0, 2 * half), (2 * half, 3 * half)]
    assert merged([(0, 4 * half), (5, 3 * half), (0, 0)]) == [(0, 4 * half)]


def test_an_object_store_is_asked_once_for_a_shard_of_small_members(monkeypatch: pytest.MonkeyPatch):
    storage.write_atomic("memory://counted/data", DATA)
    asked = []
    real = fsspec.filesystem("memory").cat_file
    kind = type(fsspec.filesystem("memory"))
    monkeypatch.setattr(kind, "cat_file", lambda _, path, *at, **more: asked.append(at) or real(path, *at, **more))
    ranges = [(start, 36_000) for start in range(0, 4 << 20, 40_000)]
    assert len(list(storage.read_ranges("memory://counted/data", ranges))) == len(ranges)
    assert len(asked) == 1


def test_a_file_that_is_gone_is_an_error_that_names_it(tmp_path: Path, s3_root: str):
    for uri in (str(tmp_path / "gone"), f"{s3_root}/gone"):
        with pytest.raises(StorageError, match=r"gone: cannot be read"):
            list(storage.read_ranges(uri, [(0, 10)]))


def test_many_files_are_read_in_order_with_a_bounded_number_ahead(s3_root: str, tmp_path: Path):
    for folder in (s3_root, str(tmp_path)):
        uris = [f"{folder}/{number}" for number in range(40)]
        for number, uri in enumerate(uris):
            storage.write_atomic(uri, str(number).encode())
        taken = []
        found = storage.read_many(storage.read_bytes, (taken.append(uri) or uri for uri in uris))
        assert next(found) == b"0"
        assert len(taken) <= 20
        assert [int(data) for data in found] == list(range(1, 40))
