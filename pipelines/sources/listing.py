"""What a folder holds: files by stem, read from directory entries alone, one folder at a time."""

import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from stat import S_ISREG

from pipelines.errors import SourceError
from pipelines.sources.stems import Stem, group_by_stem


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One file below a root."""

    path: str
    """Relative, with `/`."""
    size: int
    mtime_ns: int


def folders(root: Path, *, exclude: Collection[str] = ()) -> Iterator[tuple[str, list[str]]]:
    """Prefix (`animals/` or "") and sorted names of the regular files of each folder below `root`; hidden names, links
    and excluded folders are left out."""
    waiting = [""]
    while waiting:
        prefix = waiting.pop()
        names, below = _names_in(f"{root}/{prefix}")
        yield prefix, sorted(names)
        waiting += [f"{prefix}{name}/" for name in sorted(below, reverse=True) if f"{prefix}{name}" not in exclude]


def _names_in(folder: str) -> tuple[list[str], list[str]]:
    """(files, folders); a link could lead outside of the corpus, a pipe or device might never end."""
    files, below = [], []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_file(follow_symlinks=False):
                    files.append(entry.name)
                elif entry.is_dir(follow_symlinks=False):
                    below.append(entry.name)
    except OSError as error:
        raise SourceError(f"{folder}: cannot be listed ({error.strerror}). Give access, or leave it out.") from error
    return files, below


def walk(root: Path, *, exclude: Collection[str] = ()) -> Iterator[Entry]:
    """Every regular file below `root` in sorted order."""
    for prefix, names in folders(root, exclude=exclude):
        for name in names:
            if entry := entry_of(root, f"{prefix}{name}"):
                yield entry


def entry_of(root: Path, path: str) -> Entry | None:
    """None where it is no file any more."""
    try:
        stat = os.lstat(f"{root}/{path}")
    except FileNotFoundError:
        return None
    return Entry(path=path, size=stat.st_size, mtime_ns=stat.st_mtime_ns) if S_ISREG(stat.st_mode) else None


def stems_in(names: Iterable[str], languages: Collection[str] = ()) -> Iterator[tuple[str, Stem]]:
    """The stems of one folder's sorted names, one after the other: what stands before the first dot is contiguous."""
    for _, family in groupby(names, key=lambda name: name.partition(".")[0]):
        yield from group_by_stem(family, languages).items()


def printable(text: str) -> str:
    """File names need not be UTF-8; a reference's name must be."""
    return text.encode(errors="surrogateescape").decode(errors="backslashreplace")
