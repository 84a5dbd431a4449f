"""Whole files: written so that nothing half-written is ever visible under its final name."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.storage.places import explained, filesystem_of, is_local, local_path
from pipelines.storage.ranges import read_chunks, read_many


def write_atomic(uri: str, data: bytes) -> None:
    """Whole or not at all: aside, fsync, rename on a local disk; one put on an object store."""
    if is_local(uri):
        with replacing(uri) as path:
            path.write_bytes(data)
        return
    with explained(uri, "written"):
        filesystem, target = filesystem_of(uri)
        filesystem.pipe_file(target, data)


@contextmanager
def replacing(uri: str) -> Iterator[Path]:
    """A local path to write aside; on a clean exit it is synced and renamed (or put) to `uri`, else removed.

    A large put goes in parts; the store shows the object when the last part is there, or never.
    """
    with explained(uri, "written"):
        folder = local_path(uri).parent if is_local(uri) else Path(tempfile.mkdtemp(prefix="trivium-"))
        aside = folder / f".{uri.rsplit('/', 1)[-1]}.{os.getpid()}.partial"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            aside.unlink(missing_ok=True)  # of a killed process of the same number: it may be a link to a good file
            yield aside
            _sync(aside)
            if is_local(uri):
                aside.replace(local_path(uri))
                _sync(folder)
            else:
                filesystem, path = filesystem_of(uri)
                filesystem.put_file(str(aside), path)
        finally:
            with suppress(OSError):  # where nothing could be written, nothing is left either
                aside.unlink(missing_ok=True)
            if not is_local(uri):
                folder.rmdir()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def same_file(source_uri: str, target_uri: str) -> None:
    """Make `target_uri` the same content as `source_uri`, whole or not at all, moving as few bytes as there is a way.

    A hard link on one disk, a copy by the server on one object store, else a copy through here. Files are replaced,
    never written into, so that a link is as good as a copy.
    """
    if is_local(source_uri) and is_local(target_uri):
        _link(source_uri, target_uri)
        return
    with explained(target_uri, f"copied from {source_uri}"):
        source, source_path = filesystem_of(source_uri)
        target, target_path = filesystem_of(target_uri)
        if type(source) is type(target):
            target.cp_file(source_path, target_path)
            return
    with replacing(target_uri) as path:
        source.get_file(source_path, str(path))


def same_files(targets: Mapping[str, str]) -> None:
    """`same_file` for many, source to target: on one disk each folder is synced once instead of each file.

    The content of a linked file was synced when it was written; stopped in between, some of the targets are there.
    """
    local = {source: target for source, target in targets.items() if is_local(source) and is_local(target)}
    for source, target in local.items():
        with explained(target, f"linked to {source}"):
            if not _link_unsynced(local_path(source), local_path(target)):
                same_file(source, target)
    for folder in {local_path(target).parent for target in local.values()}:
        _sync(folder)
    remote = [source for source in targets if source not in local]
    for _ in read_many(lambda source: same_file(source, targets[source]), remote):
        pass


def _link_unsynced(source: Path, target: Path) -> bool:
    """False where the disk knows no links."""
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.{os.getpid()}.partial")
    aside.unlink(missing_ok=True)
    try:
        os.link(source, aside)
    except FileNotFoundError:
        raise
    except OSError:
        return False
    aside.replace(target)
    return True


def _link(source_uri: str, target_uri: str) -> None:
    with replacing(target_uri) as path:
        try:
            os.link(local_path(source_uri), path)
        except OSError:  # another disk, too many links, or a disk without links
            shutil.copyfile(local_path(source_uri), path)


def write_json(uri: str, value: object) -> None:
    """Write one JSON object with sorted keys, whole or not at all."""
    write_atomic(uri, json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n")


def write_table(uri: str, table: pa.Table) -> None:
    """Zstandard Parquet; equal tables give equal bytes."""
    with replacing(uri) as path:
        pq.write_table(table, path, compression="zstd", write_statistics=True)


def read_bytes(uri: str) -> bytes:
    """The whole content; for small files."""
    with explained(uri, "read"):
        filesystem, path = filesystem_of(uri)
        data: bytes = filesystem.cat_file(path)
    return data


def read_json(uri: str) -> dict[str, object]:
    """One JSON object."""
    value: dict[str, object] = json.loads(read_bytes(uri))
    return value


def read_table(uri: str, columns: list[str] | None = None) -> pa.Table:
    """One Parquet file, or only some of its columns."""
    with explained(uri, "read"):
        if is_local(uri):
            return pq.read_table(local_path(uri), columns=columns, partitioning=None)
        filesystem, path = filesystem_of(uri)
        return pq.read_table(path, filesystem=filesystem, columns=columns, partitioning=None)


def exists(uri: str) -> bool:
    """Whether a file or folder is there."""
    with explained(uri, "looked at"):
        filesystem, path = filesystem_of(uri)
        return bool(filesystem.exists(path))


def names(folder: str, suffix: str = "") -> list[str]:
    """Names directly under `folder`, sorted, hidden ones left out; empty where there is no such folder."""
    with explained(folder, "listed"):
        filesystem, path = filesystem_of(folder)
        try:
            found = filesystem.ls(path, detail=False)
        except (FileNotFoundError, NotADirectoryError):
            return []
    short = (entry.rstrip("/").rsplit("/", 1)[-1] for entry in found if entry.rstrip("/") != path.rstrip("/"))
    return sorted(name for name in short if name.endswith(suffix) and not name.startswith("."))


def remove(uri: str) -> None:
    """Delete a file, or a folder with all it holds; nothing where it is not there."""
    with explained(uri, "removed"):
        filesystem, path = filesystem_of(uri)
        with suppress(FileNotFoundError):
            filesystem.rm(path, recursive=True)


def file_sha256(uri: str) -> str:
    """sha256 (64 hex digits) of a file of any size."""
    digest = hashlib.sha256()
    for chunk in read_chunks(uri):
        digest.update(chunk)
    return digest.hexdigest()
