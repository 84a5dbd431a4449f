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
    """Prefix (`animals/` or "") and sorted names of each folder below `root`; hidden names and excluded folders are
    left out, links to folders are not followed."""
    for folder, below, names in os.walk(root, onerror=_refuse):
        relative = os.path.relpath(folder, root)
        prefix = "" if relative == "." else f"{relative}/"
        below[:] = sorted(name for name in below if not name.startswith(".") and f"{prefix}{name}" not in exclude)
        yield prefix, sorted(name for name in names if not name.startswith("."))


def walk(root: Path, *, exclude: Collection[str] = ()) -> Iterator[Entry]:
    """Every regular file below `root` in sorted order."""
    for prefix, names in folders(root, exclude=exclude):
        for name in names:
            if entry := entry_of(root, f"{prefix}{name}"):
                yield entry


def entry_of(root: Path, path: str) -> Entry | None:
    """None for a link, which could lead outside of the corpus, and for a pipe or device, which might never end."""
    stat = os.lstat(f"{root}/{path}")
    return Entry(path=path, size=stat.st_size, mtime_ns=stat.st_mtime_ns) if S_ISREG(stat.st_mode) else None


def _refuse(error: OSError) -> None:
    raise SourceError(
        f"{error.filename}: cannot be listed ({error.strerror}). Give access, or leave it out."
    ) from error


def stems_in(names: Iterable[str], languages: Collection[str] = ()) -> Iterator[tuple[str, Stem]]:
    """The stems of one folder's sorted names, one after the other: what stands before the first dot is contiguous."""
    for _, family in groupby(names, key=lambda name: name.partition(".")[0]):
        yield from group_by_stem(family, languages).items()


def printable(text: str) -> str:
    """File names need not be UTF-8; a reference's name must be."""
    return text.encode(errors="surrogateescape").decode(errors="backslashreplace")
