"""Corpora by name: a data engineer adds one in a TOML file, without touching Python."""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from pipelines.errors import SourceError
from pipelines.sources.corpus import OTHER_NAMES, READERS, Corpus, check_names
from pipelines.sources.guessing import absolute, corpus_name_of, reader_of
from pipelines.sources.opening import open_source

__all__ = ["READERS", "Corpus", "corpus_at", "find_corpus", "load_catalog", "open_source"]

_BUNDLED = Path(__file__).with_name("catalog.toml")
_LISTS = ("languages", "exclude", "media_folders", "location")
_TABLES = ("columns", "table", "download", "profile", "scenes")
_TEXTS = ("reader", "location", "license", "cron", "registered_model", "profile")
_PACKAGED = ("openmoji", "scenes", "stamps")


def load_catalog(path: Path | None = None) -> dict[str, Corpus]:
    """The corpora of a catalog file, or of the one that comes with the package; relative locations are relative to the
    file."""
    path = path or _BUNDLED
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}). Name a catalog file.") from error
    except ValueError as error:
        raise SourceError(f"{path}: not TOML ({error}). Mend it.") from error
    return {name: _corpus(name, entry, path) for name, entry in entries.items()}


def find_corpus(name_or_location: str, *, catalog: Mapping[str, Corpus] | None = None) -> Corpus:
    """A corpus of the catalog by name; any folder, file, pattern or URI is a corpus too."""
    known = load_catalog() if catalog is None else catalog
    if name_or_location in known:
        return known[name_or_location]
    is_location = any(mark in name_or_location for mark in ("/", "*")) or Path(name_or_location).expanduser().exists()
    if is_location:
        return corpus_at(name_or_location)
    close = difflib.get_close_matches(name_or_location, known, n=1)
    hint = f"Did you mean {close[0]}? " if close else ""
    raise SourceError(
        f"{name_or_location}: neither a corpus of the catalog nor a folder or file. {hint}Known are "
        f"{', '.join(sorted(known))}; or name a folder of images and clips, a table, or tars."
    )


def corpus_at(location: str, *, name: str = "", reader: str = "", **settings: Any) -> Corpus:
    """A corpus that is in no catalog; reader and name are found from its location where they are not given."""
    where = absolute(location)
    return Corpus(
        name=name or corpus_name_of(where),
        reader=OTHER_NAMES.get(reader, reader) or reader_of(where),
        location=where,
        **settings,
    )


def _corpus(name: str, entry: object, path: Path) -> Corpus:
    known = {field.name for field in fields(Corpus)} - {"name"}
    if not isinstance(entry, dict):
        raise SourceError(f"{path}: corpus {name}: not a table. Write [{name}] and its fields below it.")
    check_names(entry, known, what=f"{path}: corpus {name}")
    values = {key: _value(value) for key, value in entry.items()}
    wrong = [key for key, value in values.items() if not _is_allowed(key, value)]
    if wrong or "location" not in values:
        raise SourceError(
            f"{path}: corpus {name}: {', '.join(wrong) or 'location missing'}. Expected texts, lists of texts for "
            f"{', '.join(_LISTS)}, and tables for {', '.join(_TABLES)}."
        )
    base = path.absolute().parent
    locations = [values["location"]] if isinstance(values["location"], str) else list(values["location"])
    reader = values.pop("reader", "") or reader_of(absolute(locations[0], base=base))
    reader = OTHER_NAMES.get(reader, reader)
    if reader not in _PACKAGED:
        locations = [absolute(location, base=base) for location in locations]
        values["media_folders"] = tuple(absolute(folder, base=base) for folder in values.get("media_folders", ()))
    values["location"] = locations[0] if len(locations) == 1 else tuple(locations)
    try:
        return Corpus(name=name, reader=reader, **values)
    except SourceError as error:
        raise SourceError(f"{path}: {error}") from error


def _value(value: object) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _is_allowed(key: str, value: object) -> bool:
    if isinstance(value, tuple):
        return key in _LISTS and bool(value or key != "location") and all(isinstance(one, str) for one in value)
    return key in _TABLES if isinstance(value, dict) else key in _TEXTS and isinstance(value, str)
