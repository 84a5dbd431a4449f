"""A location that is in no catalog: which reader it is for, and what its corpus is called."""

import re
from itertools import islice
from pathlib import Path

from pipelines.samples import digest_of
from pipelines.sources.files import check_location, list_files
from pipelines.sources.listing import walk
from pipelines.sources.stems import AUDIO_SUFFIXES, IMAGE_SUFFIXES
from pipelines.sources.tables.formats import SUFFIXES
from pipelines.sources.videos.bounds import SUFFIXES as VIDEO_SUFFIXES
from pipelines.storage import is_local, local_path

_TAR = (".tar",)
_NUM_LOOKED_AT = 10_000


def reader_of(location: str) -> str:
    """By the suffix of a file or pattern; a folder by what is in it: tars, else media, else tables."""
    check_location(location)
    lower = location.lower()
    if lower.endswith(_TAR):
        return "webdataset"
    if lower.endswith(SUFFIXES):
        return "table"
    if not is_local(location):
        files = list_files([location], suffixes=_TAR + SUFFIXES)
        return "webdataset" if any(file.name.lower().endswith(_TAR) for file in files) else "table"
    folder = local_path(location).expanduser()
    names = [entry.path.lower() for entry in islice(walk(folder), _NUM_LOOKED_AT)] if folder.is_dir() else []
    if any(name.endswith(_TAR) for name in names):
        return "webdataset"
    has_media = any(name.endswith(IMAGE_SUFFIXES + AUDIO_SUFFIXES + VIDEO_SUFFIXES) for name in names)
    return "table" if not has_media and any(name.endswith(SUFFIXES) for name in names) else "folder"


def absolute(location: str, *, base: Path | None = None) -> str:
    """A local location as a whole path, relative to `base` (default: the working folder); others as they are."""
    if not is_local(location):
        return location
    return str(((base or Path()) / local_path(location).expanduser()).resolve())


def corpus_name_of(location: str) -> str:
    """The last part of a location that says something as a name, and six digits of the whole."""
    words = [re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-") for part in _plain_parts(location)]
    slug = next((word for word in reversed(words) if word), "corpus")[:40]
    return f"{slug}-{digest_of(location.encode(errors='surrogateescape').hex())[:6]}"


def _plain_parts(location: str) -> list[str]:
    """Without patterns, and without the suffix of a file."""
    parts = [part for part in location.rstrip("/").split("/") if not set("*?[").intersection(part)]
    is_file = parts and parts[-1].lower().endswith(_TAR + SUFFIXES)
    return [*parts[:-1], parts[-1].partition(".")[0]] if is_file else parts
