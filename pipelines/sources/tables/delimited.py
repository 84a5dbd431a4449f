"""CSV and TSV: one bad quote costs one row, not the rest of the file."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pipelines.errors import SampleError, SourceError
from pipelines.sources.files import DataFile
from pipelines.sources.tables.lines import BOM, Line, Lines, opened, stored, version_of
from pipelines.sources.tables.rows import MAX_ROW_BYTES, Found, Place, Values


@dataclass(frozen=True, kw_only=True, slots=True)
class DelimitedText:
    """CSV (RFC 4180, any delimiter), or with `quotes=False` text in which a quote is a character like any other."""

    delimiter: str = ","
    quotes: bool = True
    header: tuple[str, ...] = ()
    """Names of the columns where the file has no line of them."""

    def head(self, file: DataFile) -> tuple[Sequence[str], Values]:
        with opened(file) as stream:
            lines = Lines(stream)
            columns = self._columns(lines, file)
            first = next((row for _, row in self._rows(lines, columns) if row), {})
        return columns, first

    def scan(self, file: DataFile, columns: Sequence[str]) -> Iterator[Found]:  # noqa: ARG002 - a line is parsed whole
        with opened(file) as stream:
            lines = Lines(stream)
            names = self._columns(lines, file)
            for line, values in self._rows(lines, names):
                yield Found(values, (line.offset, len(line.data), line.number), version_of(line.data))

    def load(
        self,
        places: Iterable[tuple[DataFile, Place]],
        columns: Sequence[str],  # noqa: ARG002 - as in scan
    ) -> Iterator[Values | SampleError]:
        names: dict[str, Sequence[str]] = {}
        for file, where, data in stored(places):
            if file.uri not in names:
                with opened(file) as stream:
                    names[file.uri] = self._columns(Lines(stream), file)
            try:
                yield self._values(data, names[file.uri])
            except (ValueError, csv.Error) as error:
                yield SampleError(f"{where}: {error}.")

    def _columns(self, lines: Lines, file: DataFile) -> Sequence[str]:
        if self.header:
            return self.header
        first = lines.next()
        try:
            columns = self._split(first.removeprefix(BOM))
        except (ValueError, csv.Error) as error:
            raise SourceError(f"{file.uri}: its first line cannot be read as names of columns ({error}).") from error
        if not any(columns):
            raise SourceError(f"{file.uri}: its first line holds no names of columns. Name them in `header`.")
        if len(set(columns)) < len(columns):
            twice = sorted({name for name in columns if columns.count(name) > 1})
            raise SourceError(f"{file.uri}: two columns are called {', '.join(twice)}. Rename one.")
        return columns

    def _rows(self, lines: Lines, columns: Sequence[str]) -> Iterator[tuple[Line, Values | None]]:
        """Rows with their lines. Where a quote is never closed, or closed at the wrong place, its line alone is bad
        and the next line starts a new row: one stray quote costs one row, not the rest of the file."""
        while line := lines.next():
            offset, number = lines.offset - len(line), lines.number
            lines.rest_of_long_line(line)
            if not line.strip(b"\r\n"):
                continue
            whole, values = line, None
            if self.quotes and line.count(b'"') % 2 and (further := self._to_closing_quote(line, lines)):
                values = self._parse(b"".join((line, *further)), columns)
                if values is None:
                    lines.hand_back(further)
                else:
                    whole = b"".join((line, *further))
            values = values or self._parse(line, columns)
            yield Line(offset, whole, number), values

    def _to_closing_quote(self, line: bytes, lines: Lines) -> list[bytes]:
        """The lines up to the one that closes it; none where it stays open, and the lines are handed back."""
        further: list[bytes] = []
        num_bytes = len(line)
        while num_bytes < MAX_ROW_BYTES and (more := lines.next()):
            further.append(more)
            num_bytes += len(more)
            if more.count(b'"') % 2:
                return further
        lines.hand_back(further)
        return []

    def _parse(self, data: bytes, columns: Sequence[str]) -> Values | None:
        try:
            return self._values(data, columns)
        except (ValueError, csv.Error):
            return None

    def _values(self, data: bytes, columns: Sequence[str]) -> Values:
        cells = self._split(data)
        if len(cells) != len(columns):
            raise ValueError(f"{len(cells)} values, expected {len(columns)}: {', '.join(columns)}"[:300])
        return dict(zip(columns, cells, strict=True))

    def _split(self, data: bytes) -> list[str]:
        if len(data) >= MAX_ROW_BYTES:
            raise ValueError(f"a row of {MAX_ROW_BYTES} bytes or more")
        text = data.decode()
        if not self.quotes or '"' not in text:
            return text.rstrip("\r\n").split(self.delimiter)
        return next(csv.reader([text], delimiter=self.delimiter, strict=True))
