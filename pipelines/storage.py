"""Local and object storage through fsspec: nothing half-written is ever visible under its final name."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.errors import StorageError


def is_local(uri: str) -> bool:
    """Whether a URI is a path on this machine."""
    return "://" not in uri or uri.startswith("file://")


def local_path(uri: str) -> Path:
    """The path behind a local URI."""
    return Path(uri.removeprefix("file://"))


def write_atomic(uri: str, data: bytes) -> None:
    """Whole or not at all: aside, fsync, rename on a local disk; one put on an object store."""
    if not is_local(uri):
        with fsspec.open(uri, "wb") as file:
            file.write(data)
        return
    with replacing(uri) as path:
        path.write_bytes(data)


@contextmanager
def replacing(uri: str) -> Iterator[Path]:
    """A local path to write aside; on a clean exit it is synced and renamed (or put) to `uri`, else removed."""
    target = local_path(uri) if is_local(uri) else Path(tempfile.mkdtemp(prefix="trivium-")) / uri.rsplit("/", 1)[-1]
    aside = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield aside
        _sync(aside)
        if is_local(uri):
            aside.replace(target)
            _sync(target.parent)
        else:
            filesystem, path = fsspec.url_to_fs(uri)
            filesystem.put_file(str(aside), path)
    except OSError as error:
        raise StorageError(
            f"{uri}: cannot be written ({error.strerror or error}). Free space, or name another root."
        ) from error
    finally:
        with suppress(OSError):  # where nothing could be written, nothing is left either
            aside.unlink(missing_ok=True)
        if not is_local(uri):
            target.parent.rmdir()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(uri: str, value: object) -> None:
    """Write one JSON object with sorted keys, whole or not at all."""
    write_atomic(uri, json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n")


def write_table(uri: str, table: pa.Table) -> None:
    """Zstandard Parquet; equal tables give equal bytes."""
    with replacing(uri) as path:
        pq.write_table(table, path, compression="zstd", write_statistics=True)


def read_bytes(uri: str) -> bytes:
    """The whole content; for small files."""
    with fsspec.open(uri, "rb") as file:
        data: bytes = file.read()
    return data


def read_json(uri: str) -> dict[str, object]:
    """One JSON object."""
    value: dict[str, object] = json.loads(read_bytes(uri))
    return value


def read_table(uri: str, columns: list[str] | None = None) -> pa.Table:
    """One Parquet file, or only some of its columns."""
    filesystem, path = fsspec.url_to_fs(uri)
    return pq.read_table(path, filesystem=filesystem, columns=columns, partitioning=None)


def exists(uri: str) -> bool:
    """Whether a file or folder is there."""
    filesystem, path = fsspec.url_to_fs(uri)
    return bool(filesystem.exists(path))


def names(folder: str, suffix: str = "") -> list[str]:
    """Names directly under `folder`, sorted, hidden ones left out; empty where there is no such folder."""
    filesystem, path = fsspec.url_to_fs(folder)
    if not filesystem.isdir(path):
        return []
    found = (entry.rstrip("/").rsplit("/", 1)[-1] for entry in filesystem.ls(path, detail=False))
    return sorted(name for name in found if name.endswith(suffix) and not name.startswith("."))


def file_sha256(uri: str, chunk_bytes: int = 1 << 20) -> str:
    """sha256 (64 hex digits) of a file of any size."""
    digest = hashlib.sha256()
    with fsspec.open(uri, "rb") as file:
        while chunk := file.read(chunk_bytes):
            digest.update(chunk)
    return digest.hexdigest()
