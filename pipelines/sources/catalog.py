"""Corpora by name: a data engineer adds one in a TOML file, without touching Python."""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from pipelines.errors import SourceError
from pipelines.samples import Snapshot
from pipelines.sources.source import Source

_BUNDLED = Path(__file__).with_name("catalog.toml")
READERS = ("openmoji", "stamps", "folder")


@dataclass(frozen=True, kw_only=True, slots=True)
class Corpus:
    """One entry of the catalog."""

    name: str
    reader: str
    location: str
    license: str = "unknown"
    languages: tuple[str, ...] = ()
    """BCP 47; where there is exactly one, it is the language of texts that name none."""
    cron: str | None = None
    """When to look for a new snapshot; never by itself where empty."""
    registered_model: str = ""
    """Name in the registry of the aligner trained on it."""
    exclude: tuple[str, ...] = ()
    """Folders, or beginnings of names, that are left out."""

    def __post_init__(self) -> None:
        Snapshot(corpus=self.name, snapshot="any")  # refuses what is not a name
        if self.reader not in READERS:
            raise SourceError(f"corpus {self.name}: reader {self.reader!r}, expected one of {', '.join(READERS)}.")
        if not self.registered_model:
            object.__setattr__(self, "registered_model", f"aligner-{self.name}")


def load_catalog(path: Path | None = None) -> dict[str, Corpus]:
    """The corpora of a catalog file, or of the one that comes with the package."""
    path = path or _BUNDLED
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}). Name a catalog file.") from error
    except ValueError as error:
        raise SourceError(f"{path}: not TOML ({error}). Mend it.") from error
    return {name: _corpus(name, entry, path) for name, entry in entries.items()}


def find_corpus(name_or_folder: str, *, catalog: Mapping[str, Corpus] | None = None) -> Corpus:
    """A corpus of the catalog by name; any folder is a corpus too."""
    known = load_catalog() if catalog is None else catalog
    if name_or_folder in known:
        return known[name_or_folder]
    folder = Path(name_or_folder).expanduser()
    if folder.is_dir():
        from pipelines.sources.folder import folder_corpus_name

        return Corpus(name=folder_corpus_name(folder), reader="folder", location=str(folder.resolve()))
    close = difflib.get_close_matches(name_or_folder, known, n=1)
    hint = f"Did you mean {close[0]}? " if close else ""
    raise SourceError(
        f"{name_or_folder}: neither a corpus of the catalog nor a folder. {hint}Known are {', '.join(sorted(known))}; "
        "or name a folder of images and clips."
    )


def open_source(corpus: Corpus, *, cache: Path) -> Source:
    """The corpus in its present state; may fetch it into `cache`."""
    if corpus.reader == "openmoji":
        from pipelines.sources.openmoji import open_openmoji

        return open_openmoji(corpus=corpus.name, licence=corpus.license, exclude=corpus.exclude)
    if corpus.reader == "stamps":
        from pipelines.sources.stamps import open_stamps

        return open_stamps(
            corpus=corpus.name, location=corpus.location, licence=corpus.license, exclude=corpus.exclude, cache=cache
        )
    from pipelines.sources.folder import open_folder

    return open_folder(
        Path(corpus.location).expanduser(),
        corpus=corpus.name,
        licence=corpus.license,
        languages=corpus.languages,
        exclude=corpus.exclude,
    )


def _corpus(name: str, entry: object, path: Path) -> Corpus:
    known = {field.name for field in fields(Corpus)} - {"name"}
    if not isinstance(entry, dict) or (unknown := set(entry) - known):
        what = f"unknown {', '.join(sorted(unknown))}" if isinstance(entry, dict) else "not a table"
        raise SourceError(f"{path}: corpus {name}: {what}. Expected fields: {', '.join(sorted(known))}.")
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    wrong = [key for key, value in values.items() if not isinstance(value, tuple if key in _LISTS else str)]
    if wrong or not {"reader", "location"} <= set(values):
        raise SourceError(
            f"{path}: corpus {name}: {', '.join(wrong) or 'reader or location missing'}. Expected texts, and lists of "
            f"texts for {' and '.join(_LISTS)}."
        )
    return Corpus(name=name, **values)  # type: ignore[arg-type]  # just checked


_LISTS = ("languages", "exclude")
