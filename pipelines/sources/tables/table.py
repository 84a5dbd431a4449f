"""Tables of paths, URLs or bytes, in any number of files: CSV, TSV, JSONL, Parquet; here or on an object store."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.errors import SampleError
from pipelines.samples import Record, Reference, digest_of
from pipelines.sources.files import DataFile, folder_of, list_files
from pipelines.sources.tables.columns import Columns, check, complete
from pipelines.sources.tables.drafting import RowRules
from pipelines.sources.tables.features import class_names_of, split_of, with_features
from pipelines.sources.tables.fetching import Draft, Fetch, Fetched, with_media
from pipelines.sources.tables.formats import SUFFIXES, format_of
from pipelines.sources.tables.media import Folders
from pipelines.sources.tables.naming import Naming
from pipelines.sources.tables.parquet import ParquetRows
from pipelines.sources.tables.rows import Found, Place, RowFormat, Values
from pipelines.storage import is_local, local_path

_REVISION = 1  # of how rows become records: raise it with any change to that


@dataclass(frozen=True, kw_only=True, slots=True)
class TableOptions:
    """What a table does not say of itself."""

    columns: Columns = field(default_factory=Columns)
    media_folders: tuple[str, ...] = ()
    """Relative paths are below the first (default: the folder of the table), others may lie below any of them."""
    text: Mapping[str, object] = field(default_factory=dict)
    """Of CSV and TSV: delimiter, quotes, header."""
    download: Mapping[str, object] = field(default_factory=dict)
    """Fields of the download policy."""
    state_folder: Path | None = None
    """Where the downloader keeps what must hold for all processes of this machine (default: one per user)."""


def open_table(
    locations: Sequence[str],
    *,
    corpus: str,
    licence: str = "",
    languages: tuple[str, ...] = (),
    options: TableOptions | None = None,
    suffixes: tuple[str, ...] = SUFFIXES,
) -> "TableSource":
    """The tables in their present state; `SourceError` says which file or column is not as expected."""
    options = options or TableOptions()
    files = list_files(locations, suffixes=suffixes)
    rows = format_of(files, options.text)
    there, first_row = rows.head(files[0])
    columns, class_names = options.columns, {}
    if isinstance(rows, ParquetRows):
        schema = rows.schema(files[0])
        columns, class_names = with_features(columns, schema), class_names_of(schema)
    columns = complete(columns, there, first_row=first_row, what=files[0].uri)
    settings = digest_of([str(columns), licence, list(languages), options.media_folders, repr(rows), _REVISION])
    content = [[file.name, file.num_bytes, file.version] for file in files]
    return TableSource(
        corpus=corpus,
        snapshot=digest_of([content, settings])[:12],
        files=files,
        rows=rows,
        rules=RowRules(
            corpus=corpus,
            license=licence or "unknown",
            columns=columns,
            languages=languages,
            class_names=class_names,
        ),
        folders=_folders(files, options.media_folders),
        download=options.download,
        state_folder=options.state_folder,
        settings=settings[:12],
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class TableSource:
    """One record for each row."""

    corpus: str
    snapshot: str
    files: tuple[DataFile, ...]
    rows: RowFormat
    rules: RowRules
    folders: Folders
    download: Mapping[str, object]
    state_folder: Path | None
    settings: str
    """Digest of what decides how rows become records: part of every reference's version."""

    def references(self) -> Iterator[Reference]:
        """In the order of files and rows; a locator is (file, place in it)."""
        number = 0
        naming = Naming.of(self.rules.columns, settings=self.settings, folders=self.folders)
        for index, file in enumerate(self.files):
            for row, found in enumerate(self._scan(file, naming.columns())):
                yield naming.reference(number, found, (index, *found.place), file=file.name, row=row)
                number += 1

    def read(self, references: Iterable[Reference]) -> Iterator[Record | SampleError]:
        """One outcome for each, in their order; URLs are fetched ahead."""
        return with_media(self._drafts(references), folders=self.folders, fetch=self._fetch())

    def facts(self) -> Mapping[str, str | int]:
        return {
            "license": self.rules.license,
            "languages": " ".join(self.rules.languages),
            "columns": str(self.rules.columns),
            "num_files": len(self.files),
            "num_bytes": sum(file.num_bytes for file in self.files),
        }

    def _scan(self, file: DataFile, columns: Sequence[str]) -> Iterator[Found]:
        if file is not self.files[0]:
            check(self.rules.columns, self.rows.head(file)[0], what=file.uri)
        return self.rows.scan(file, columns)

    def _drafts(self, references: Iterable[Reference]) -> Iterator[Draft | SampleError]:
        pending: deque[Reference] = deque()

        def places() -> Iterator[tuple[DataFile, Place]]:
            for reference in references:
                pending.append(reference)
                index, *place = (int(part) for part in reference.locator)
                yield self.files[index], tuple(place)

        for values in self.rows.load(places(), self.rules.columns.names()):
            yield self._draft(pending.popleft(), values)

    def _draft(self, reference: Reference, values: Values | SampleError) -> Draft | SampleError:
        if isinstance(values, SampleError):
            return values
        split = split_of(self.files[int(reference.locator[0])].name)
        try:
            return self.rules.draft(reference, values, original={"split": split} if split else {})
        except SampleError as error:
            return SampleError(f"{reference.name}: {error}", status=error.status)

    def _fetch(self) -> Fetch:
        is_audio = [kind for kind, _ in self.rules.columns.media()] == ["audio"]
        return _Downloads(self.download, self.state_folder, is_audio)


@dataclass(frozen=True, slots=True)
class _Downloads:
    """The downloader, loaded with the first URL."""

    settings: Mapping[str, object]
    state_folder: Path | None
    is_audio: bool

    def __call__(self, urls: Iterable[str]) -> Iterator[Fetched]:
        from pipelines.sources.downloading import fetch_all
        from pipelines.sources.downloading.state import machine_state_folder
        from pipelines.sources.settings import policy_of

        policy = policy_of(self.settings, what="download", is_audio=self.is_audio)
        return fetch_all(urls, policy, state_folder=self.state_folder or machine_state_folder())


def _folders(files: Sequence[DataFile], media_folders: tuple[str, ...]) -> Folders:
    own = (folder_of(files[0].uri),)
    named = tuple(
        str(local_path(folder).expanduser().resolve()) if is_local(folder) else folder for folder in media_folders
    )
    return Folders(named + own)
