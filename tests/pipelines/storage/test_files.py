import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines import storage
from pipelines.errors import StorageError

LIMITED = """
import resource, sys
from pipelines import storage
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    storage.write_atomic(sys.argv[1], bytes(200_000))
except ValueError as error:
    print(error)
"""
TABLE = pa.table({"number": [1, 2, 3]})


def mounted(folder: Path, *options: str) -> bool:
    """Whether this user may mount a small disk there."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KiB."""
    if not mounted(tmp_path / "disk", "size=64k"):
        pytest.skip("mounting is not permitted")
    yield tmp_path / "disk"
    subprocess.run(["umount", str(tmp_path / "disk")], check=True)


@pytest.fixture
def sealed_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk that is mounted read-only."""
    if not mounted(tmp_path / "sealed", "size=64k,ro"):
        pytest.skip("mounting is not permitted")
    yield tmp_path / "sealed"
    subprocess.run(["umount", str(tmp_path / "sealed")], check=True)


@pytest.mark.parametrize("root", ["local", "memory", "s3"])
def test_files_come_back_as_they_were_written(root: str, request: pytest.FixtureRequest, tmp_path: Path):
    folder = {"local": str(tmp_path), "memory": "memory://files"}.get(root) or request.getfixturevalue("s3_root")
    assert storage.names(f"{folder}/a") == []
    storage.write_json(f"{folder}/a/one.json", {"é": 1})
    storage.write_table(f"{folder}/a/two.parquet", TABLE)
    storage.write_atomic(f"{folder}/a/b/three", b"3")
    assert storage.names(f"{folder}/a") == ["b", "one.json", "two.parquet"]
    assert storage.names(f"{folder}/a", ".json") == ["one.json"]
    assert storage.read_json(f"{folder}/a/one.json") == {"é": 1}
    assert storage.read_table(f"{folder}/a/two.parquet", ["number"]).equals(TABLE)
    assert (storage.exists(f"{folder}/a/b/three"), storage.exists(f"{folder}/a/c")) == (True, False)
    assert storage.file_sha256(f"{folder}/a/b/three")[:8] == "4e074085"
    storage.remove(f"{folder}/a/b/three")
    storage.remove(f"{folder}/a/b/three")
    assert not storage.exists(f"{folder}/a/b/three")


@pytest.mark.parametrize("root", ["local", "memory", "s3"])
def test_the_same_file_under_another_name(root: str, request: pytest.FixtureRequest, tmp_path: Path):
    folder = {"local": str(tmp_path), "memory": "memory://same"}.get(root) or request.getfixturevalue("s3_root")
    storage.write_atomic(f"{folder}/old/1.tar", b"tar")
    storage.write_atomic(f"{folder}/new/1.tar", b"something else")
    storage.same_file(f"{folder}/old/1.tar", f"{folder}/new/1.tar")
    assert storage.read_bytes(f"{folder}/new/1.tar") == b"tar"
    if root == "local":
        assert (tmp_path / "old" / "1.tar").samefile(tmp_path / "new" / "1.tar")
        assert os.listdir(tmp_path / "new") == ["1.tar"]  # noqa: PTH208


def test_where_no_link_can_be_made_the_bytes_are_copied(tmp_path: Path, small_disk: Path):
    (tmp_path / "1.tar").write_bytes(b"tar")
    storage.same_file(str(tmp_path / "1.tar"), str(small_disk / "1.tar"))
    storage.same_file(str(tmp_path / "1.tar"), "memory://from-disk/1.tar")
    assert (small_disk / "1.tar").read_bytes() == storage.read_bytes("memory://from-disk/1.tar") == b"tar"


def test_what_a_killed_process_left_aside_is_never_written_into(tmp_path: Path):
    good = tmp_path / "good.tar"
    good.write_bytes(b"good")
    aside = tmp_path / f".new.tar.{os.getpid()}.partial"
    os.link(good, aside)
    storage.write_atomic(str(tmp_path / "new.tar"), b"new")
    assert (good.read_bytes(), (tmp_path / "new.tar").read_bytes()) == (b"good", b"new")


def test_a_block_that_fails_leaves_the_old_file(tmp_path: Path):
    uri = str(tmp_path / "file")
    storage.write_atomic(uri, b"old")
    with pytest.raises(ZeroDivisionError), storage.replacing(uri) as path:  # noqa: PT012
        path.write_bytes(b"half")
        raise ZeroDivisionError
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"old")]


def test_a_full_disk_is_named_and_nothing_is_left(small_disk: Path):
    storage.write_atomic(str(small_disk / "old"), bytes(8000))
    for write in (
        lambda uri: storage.write_atomic(uri, bytes(200_000)),
        lambda uri: storage.write_table(uri, pa.table({"noise": [os.urandom(200_000)]})),
    ):
        with pytest.raises(StorageError, match=r"big: cannot be written \(.*No space left.*Free space on that disk"):
            write(str(small_disk / "big"))
    assert [path.name for path in small_disk.iterdir()] == ["old"]


def test_a_disk_mounted_read_only_is_named(sealed_disk: Path):
    with pytest.raises(StorageError, match=r"Read-only file system.*mount it for writing"):
        storage.write_atomic(str(sealed_disk / "a" / "b"), b"x")
    with pytest.raises(StorageError, match="cannot be locked"), storage.exclusive(str(sealed_disk), what="pack"):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_named(tmp_path: Path):
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(StorageError, match=r"Permission denied.*Give this user permission"):
        storage.write_atomic(str(tmp_path / "closed" / "file"), b"x")


def test_a_limit_on_file_sizes_is_named(tmp_path: Path):
    told = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "big")], capture_output=True, text=True, check=True
    )
    assert "cannot be written (File too large). Files of that size are not allowed here" in told.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    for uri in (str(tmp_path / "gone.json"), "memory://none/gone.json"):
        with pytest.raises(StorageError, match=r"gone\.json: cannot be read \("):
            storage.read_json(uri)
        with pytest.raises(StorageError, match=r"gone\.json: cannot be read \("):
            storage.file_sha256(uri)


def test_a_file_where_a_folder_is_needed_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="cannot be written"):
        storage.write_atomic(str(tmp_path / "file" / "below"), b"x")
