import errno
import os
from pathlib import Path

import pytest

from pipelines import storage
from pipelines.errors import StorageError


def test_many_files_are_linked_and_replace_what_was_there(tmp_path: Path):
    targets = {}
    for number in range(3):
        source = tmp_path / "from" / str(number)
        storage.write_atomic(str(source), bytes([number]))
        targets[str(source)] = str(tmp_path / "to" / str(number))
    storage.write_atomic(str(tmp_path / "to" / "1"), b"before")
    storage.same_files(targets)
    assert all(Path(source).samefile(target) for source, target in targets.items())
    assert sorted(path.name for path in (tmp_path / "to").iterdir()) == ["0", "1", "2"]


def test_where_a_disk_knows_no_links_files_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    storage.write_atomic(str(tmp_path / "a"), b"content")
    monkeypatch.setattr(os, "link", refuse)
    storage.same_files({str(tmp_path / "a"): str(tmp_path / "b")})
    assert (tmp_path / "b").read_bytes() == b"content"


def test_a_source_that_is_gone_is_named(tmp_path: Path):
    with pytest.raises(StorageError, match=r"b: cannot be linked to .*a"):
        storage.same_files({str(tmp_path / "a"): str(tmp_path / "b")})
