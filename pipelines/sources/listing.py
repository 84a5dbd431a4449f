"""What a folder holds: files by stem, read from directory entries alone."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath
from stat import S_ISREG

from pipelines.errors import SourceError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
AUDIO_SUFFIXES = (".flac", ".wav", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff")

# `a.fr.txt`, `a.pt_BR.ogg`, `a.2.wav`: a language or a number between stem and suffix. Longer codes go into the json.
_LANGUAGE = re.compile(r"[a-z]{2}(?:[-_][A-Z]{2})?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """A sound file and what its name says of it."""

    name: str
    language: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Stem:
    """The files of one folder that share a stem; names are relative to that folder."""

    images: list[str] = field(default_factory=list)
    clips: list[Clip] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    """Language -> file name; "" is the plain `a.txt`."""
    json: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One file below a root."""

    path: str
    """Relative, with `/`."""
    size: int
    mtime_ns: int


def walk(root: Path, *, exclude: tuple[str, ...] = ()) -> Iterator[Entry]:
    """Every regular file below `root` in sorted order; hidden names, links and excluded folders are left out."""
    for folder, folders, names in os.walk(root, onerror=_refuse):
        relative = os.path.relpath(folder, root)
        prefix = "" if relative == "." else f"{relative}/"
        folders[:] = sorted(name for name in folders if not name.startswith(".") and f"{prefix}{name}" not in exclude)
        for name in sorted(names):
            stat = (Path(folder) / name).lstat()
            # A link could lead outside of the corpus; a pipe or device would block or never end.
            if S_ISREG(stat.st_mode) and not name.startswith("."):
                yield Entry(path=f"{prefix}{name}", size=stat.st_size, mtime_ns=stat.st_mtime_ns)


def _refuse(error: OSError) -> None:
    raise SourceError(
        f"{error.filename}: cannot be listed ({error.strerror}). Give access, or leave it out."
    ) from error


def stems_of(folder: Path) -> Mapping[str, Stem]:
    """The stems of one folder, sorted; listed once while the folder does not change."""
    return _stems_of(folder, folder.stat().st_mtime_ns)


@lru_cache(maxsize=8)  # consecutive references share a folder
def _stems_of(folder: Path, _mtime_ns: int) -> Mapping[str, Stem]:
    return group_by_stem(entry.name for entry in os.scandir(folder) if entry.is_file(follow_symlinks=False))


def group_by_stem(names: Iterator[str]) -> Mapping[str, Stem]:
    """File names of one folder by stem; names with other suffixes are left out."""
    stems: dict[str, Stem] = {}
    for name in sorted(names):
        base, suffix = PurePosixPath(name).stem, PurePosixPath(name).suffix.lower()
        if name.startswith("."):
            continue
        if suffix in IMAGE_SUFFIXES:
            stems.setdefault(base, Stem()).images.append(name)
        elif suffix == ".json":
            stems.setdefault(base, Stem()).json.append(name)
        elif suffix == ".txt":
            stem, language = split_language(base)
            stems.setdefault(stem, Stem()).texts.setdefault(language, name)
        elif suffix in AUDIO_SUFFIXES:
            stem, language = split_language(base)
            stems.setdefault(stem, Stem()).clips.append(Clip(name=name, language=language))
    return stems


def split_language(base: str) -> tuple[str, str]:
    """`a.fr` -> (`a`, `fr`), `a.fr.2` -> (`a`, `fr`), `a` -> (`a`, "")."""
    stem, language = base, ""
    while "." in stem:
        shorter, part = stem.rsplit(".", 1)
        if not shorter or (language and not part.isdecimal()):
            break
        if _LANGUAGE.fullmatch(part):
            language = part
        elif not part.isdecimal():
            break
        stem = shorter
    return stem, language
