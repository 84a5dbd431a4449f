"""Locations (a file, a folder, a glob, a list of them; local or `s3://`) into the files that hold a corpus."""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pipelines.errors import CorpusError, SourceError
from pipelines.sources.listing import printable, walk
from pipelines.storage import filesystem_of, is_local, local_path

_BUFFER_BYTES = 1 << 18
_MAGIC = frozenset("*?[")
_VERSION_FIELDS = ("ETag", "etag", "md5", "LastModified", "last_modified", "updated", "mtime")


@dataclass(frozen=True, kw_only=True, slots=True)
class DataFile:
    """One file of a corpus that holds many records."""

    uri: str
    name: str
    """Relative to its location; part of the names of what is in it."""
    num_bytes: int
    version: str
    """Size and time of change on a disk, etag on an object store."""


def list_files(locations: Iterable[str], *, suffixes: tuple[str, ...]) -> tuple[DataFile, ...]:
    """Every file of the locations in the order of locations and names; hidden files and links in folders are left
    out."""
    found: dict[str, DataFile] = {}
    for location in locations:
        files = list(_files(location, suffixes))
        if not files:
            raise SourceError(f"{location}: no file ends in {' '.join(suffixes)}. Name the files or their folder.")
        for file in sorted(files, key=lambda file: file.name):
            if file.name in found:
                raise SourceError(
                    f"{file.uri}: is called {file.name}, as {found[file.name].uri} is, so their records could not be "
                    "told apart. Name a folder above both."
                )
            found[file.name] = file
    return tuple(found.values())


def open_binary(uri: str) -> BinaryIO:
    """A file that can be sought in, local or not."""
    if is_local(uri):
        return local_path(uri).open("rb", buffering=_BUFFER_BYTES)
    filesystem, path = filesystem_of(uri)
    return io.BufferedReader(filesystem.open(path, "rb"), _BUFFER_BYTES)


def check_location(location: str) -> None:
    """Only plain paths and URIs: no pipes, no chains of file systems, nothing that runs a command."""
    if location.startswith("pipe:") or "::" in location or "\0" in location or not location.strip():
        raise SourceError(f"{location!r}: neither a path nor a URI such as s3://bucket/folder. Name one of these.")


def folder_of(uri: str) -> str:
    """What relative paths in a file are relative to."""
    return str(local_path(uri).parent.resolve()) if is_local(uri) else uri.rsplit("/", 1)[0]


def _files(location: str, suffixes: tuple[str, ...]) -> Iterator[DataFile]:
    check_location(location)
    try:
        yield from _local_files(location, suffixes) if is_local(location) else _remote_files(location, suffixes)
    except CorpusError:
        raise
    except Exception as error:  # a store's client has its own errors: no credentials, no such bucket, no connection
        raise SourceError(
            f"{location}: cannot be listed ({type(error).__name__}: {error}). Check its spelling and your access."
        ) from error


def _local_files(location: str, suffixes: tuple[str, ...]) -> Iterator[DataFile]:
    path = local_path(location).expanduser()
    if path.is_dir():
        for entry in walk(path):
            if entry.path.lower().endswith(suffixes):
                version = f"{entry.size}-{entry.mtime_ns}"
                yield DataFile(
                    uri=str(path / entry.path), name=printable(entry.path), num_bytes=entry.size, version=version
                )
    elif path.is_file():
        yield _local_file(path, path.name)
    elif _MAGIC.intersection(location):
        base = Path(_plain_part(str(path.absolute())) or "/")
        for file in base.glob(str(path.absolute().relative_to(base))):
            name = str(file.relative_to(base))
            is_plain = file.is_file() and not file.is_symlink() and not _is_hidden(name)
            if is_plain and name.lower().endswith(suffixes):
                yield _local_file(file, name)
    else:
        raise SourceError(f"{location}: no such file or folder. Name a file, a folder or a pattern such as *.parquet.")


def _local_file(path: Path, name: str) -> DataFile:
    stat = path.stat()
    version = f"{stat.st_size}-{stat.st_mtime_ns}"
    return DataFile(uri=str(path.absolute()), name=printable(name), num_bytes=stat.st_size, version=version)


def _remote_files(location: str, suffixes: tuple[str, ...]) -> Iterator[DataFile]:
    filesystem, path = filesystem_of(location)
    base = path.rstrip("/")
    if _MAGIC.intersection(path):
        base, found = _plain_part(path), filesystem.glob(path, detail=True)
    else:
        found = filesystem.find(path, detail=True)
    if list(found) == [path]:  # the location is the file
        yield _remote_file(filesystem, found[path], path.rsplit("/", 1)[-1])
        return
    for name, info in found.items():
        relative = name[len(base) :].lstrip("/")
        if info["type"] == "file" and name.lower().endswith(suffixes) and not _is_hidden(relative):
            yield _remote_file(filesystem, info, relative)


def _remote_file(filesystem: Any, info: dict[str, Any], name: str) -> DataFile:
    version = next((str(info[field]) for field in _VERSION_FIELDS if info.get(field)), "")
    size = int(info["size"] or 0)
    return DataFile(
        uri=filesystem.unstrip_protocol(info["name"]), name=name, num_bytes=size, version=f"{size}-{version}"
    )


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def _plain_part(pattern: str) -> str:
    """The folders of a glob before its first wildcard."""
    first = min(pattern.find(character) for character in _MAGIC if character in pattern)
    return pattern[:first].rpartition("/")[0]
