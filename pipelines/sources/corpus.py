"""One corpus as a data engineer describes it, checked before anything is opened."""

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from pipelines.errors import SourceError
from pipelines.samples import Snapshot
from pipelines.sources.tables.columns import Columns, columns_from

if TYPE_CHECKING:
    from pipelines.shards.media import MediaProfile

READERS = ("folder", "table", "webdataset", "huggingface", "openmoji", "scenes", "stamps")
OTHER_NAMES = {"embedded": "openmoji", "tables": "table", "webdatasets": "webdataset"}

_CAPTIONS = ("text", "lines")
_OF_TABLES = ("table", "huggingface")
_TABLE_SETTINGS: Mapping[str, tuple[type, ...]] = {"delimiter": (str,), "quotes": (bool,), "header": (list, tuple)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Corpus:
    """One entry of the catalog."""

    name: str
    reader: str
    location: str | tuple[str, ...]
    """A folder, a file, a pattern such as `s3://bucket/part-*.parquet`, or a list of them; what the reader needs."""
    columns: Mapping[str, object] = field(default_factory=dict)
    """Of tables: meaning -> column. Of folders and tars: `captions = "lines"` where each line of a text is one; of
    folders: `annotations = FILE` with boxes as COCO writes them."""
    table: Mapping[str, object] = field(default_factory=dict)
    """Of CSV and TSV: `delimiter`, `quotes`, `header`."""
    media_folders: tuple[str, ...] = ()
    """Where paths in tables may lead; relative ones are below the first."""
    download: Mapping[str, object] = field(default_factory=dict)
    """Fields of `pipelines.sources.downloading.DownloadPolicy`."""
    profile: str | Mapping[str, object] = ""
    """Of media: `original`, `train`, or fields of `pipelines.shards.media.MediaProfile`; the caller's where empty."""
    license: str = "unknown"
    languages: tuple[str, ...] = ()
    """BCP 47; where there is exactly one, it is the language of texts that name none."""
    cron: str | None = None
    """When to look for a new snapshot; never by itself where empty."""
    registered_model: str = ""
    """Name in the registry of the aligner trained on it."""
    scenes: Mapping[str, object] = field(default_factory=dict)
    """Of composed scenes: fields of `pipelines.sources.scenes.SceneSettings`."""
    exclude: tuple[str, ...] = ()
    """Folders, or beginnings of names, that are left out."""

    def __post_init__(self) -> None:
        Snapshot(corpus=self.name, snapshot="any")  # refuses what is not a name
        if self.reader not in READERS:
            raise SourceError(
                f"corpus {self.name}: reader {self.reader!r}, expected one of {', '.join(READERS)}."
                f"{_hint(self.reader, READERS)}"
            )
        if not self.registered_model:
            object.__setattr__(self, "registered_model", f"aligner-{self.name}")
        self._check_columns()
        self._check_rest()

    @property
    def locations(self) -> tuple[str, ...]:
        return (self.location,) if isinstance(self.location, str) else self.location

    @property
    def table_columns(self) -> Columns:
        return columns_from(self.columns, what=f"corpus {self.name}")

    @property
    def captions_are_lines(self) -> bool | None:
        """None where nobody said."""
        return self.columns["captions"] == "lines" if "captions" in self.columns else None

    @property
    def media_profile(self) -> "MediaProfile | None":
        """None where nobody said."""
        if not self.profile:
            return None
        from pipelines.shards.media import MediaProfile

        settings = {"name": self.profile} if isinstance(self.profile, str) else self.profile
        check_names(settings, [one.name for one in fields(MediaProfile)], what=f"corpus {self.name}: profile")
        return MediaProfile(**settings)  # type: ignore[arg-type]  # it checks its values

    def _check_columns(self) -> None:
        if self.reader in _OF_TABLES:
            assert self.table_columns  # checks them
            return
        known = ["captions", "annotations"] if self.reader == "folder" else ["captions"]
        check_names(self.columns, known, what=f"corpus {self.name} ({self.reader}): columns")
        if self.columns.get("captions", "text") not in _CAPTIONS:
            raise SourceError(
                f"corpus {self.name}: captions = {self.columns['captions']!r}, expected one of {', '.join(_CAPTIONS)}."
            )

    def _check_rest(self) -> None:
        for name, value in self.table.items():
            check_names([name], _TABLE_SETTINGS, what=f"corpus {self.name}: table")
            if not isinstance(value, _TABLE_SETTINGS[name]):
                raise SourceError(f"corpus {self.name}: table: {name} = {value!r}, expected a {_TABLE_SETTINGS[name]}.")
        if self.download:
            from pipelines.sources.settings import policy_of

            policy_of(self.download, what=f"corpus {self.name}: download")
        if self.scenes:
            from pipelines.sources.scenes import settings_of

            settings_of(self.scenes, what=f"corpus {self.name}: scenes")
        assert self.media_profile or not self.profile  # checks it


def check_names(names: Collection[str], known: Collection[str], *, what: str) -> None:
    """`SourceError` names the first that is not known, and the nearest that is."""
    for name in names:
        if name not in known:
            raise SourceError(f"{what}: unknown {name!r}.{_hint(name, known)} Known are {', '.join(sorted(known))}.")


def _hint(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean {close[0]}?" if close else ""
