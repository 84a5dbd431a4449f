"""Parquet a row group at a time: only the columns that are needed, never a whole file."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.errors import SampleError, SourceError
from pipelines.sources.files import DataFile, open_binary
from pipelines.sources.tables.rows import Found, Place, Values
from pipelines.storage import is_local, local_path

_ROWS_OF_TEXT = 8192
_ROWS_OF_MEDIA = 32  # a batch of these is held at once
_MAX_OTHER_COLUMNS = 64
_DAMAGED = (pa.ArrowException, OSError, ValueError, KeyError, EOFError)


@dataclass(frozen=True, kw_only=True, slots=True)
class ParquetRows:
    """Places are (row group, row in it)."""

    def head(self, file: DataFile) -> tuple[Sequence[str], Values]:
        with _opened(file) as parquet:
            columns = parquet.schema_arrow.names
            texts = [name for name in columns if not is_heavy(parquet.schema_arrow.field(name).type)]
            try:
                first = next((batch for batch in parquet.iter_batches(1, columns=texts)), None) if texts else None
                return columns, first.to_pylist()[0] if first is not None and first.num_rows else {}
            except _DAMAGED as error:
                raise _unreadable(file, error) from error

    def schema(self, file: DataFile) -> pa.Schema:
        with _opened(file) as parquet:
            return parquet.schema_arrow

    def scan(self, file: DataFile, columns: Sequence[str]) -> Iterator[Found]:
        """The version of a row is its file's: Parquet is not appended to."""
        with _opened(file) as parquet:
            light = [name for name in columns if not is_heavy(parquet.schema_arrow.field(name).type)]
            heavy = [name for name in columns if name not in light]
            for group in range(parquet.num_row_groups):
                num_bytes = _bytes_per_row(parquet, group, heavy)
                try:
                    rows = _rows(parquet, group, light)
                    for row, values in enumerate(rows):
                        yield Found(values, (group, row), file.version, num_bytes)
                except _DAMAGED as error:
                    raise _unreadable(file, error) from error

    def load(self, places: Iterable[tuple[DataFile, Place]], columns: Sequence[str]) -> Iterator[Values | SampleError]:
        """A row group is read once for rows of it that follow one another."""
        cursor = _Cursor()
        try:
            for file, (group, row) in places:
                yield cursor.row(file, group, row, columns)
        finally:
            cursor.close()


@dataclass(slots=True)
class _Cursor:
    """The batch of rows that is being read from."""

    place: tuple[str, int] = ("", -1)
    parquet: pq.ParquetFile | None = None
    batches: Iterator[pa.RecordBatch] = field(default_factory=lambda: iter(()))
    batch: pa.RecordBatch | None = None
    start: int = 0
    error: str = ""

    def row(self, file: DataFile, group: int, row: int, columns: Sequence[str]) -> Values | SampleError:
        try:
            if (file.uri, group) != self.place or row < self.start:
                self._open(file, group, columns)
            if not self.error:
                self._advance(row)
                assert self.batch is not None
                index = row - self.start
                return {
                    name: column[index].as_py()
                    for name, column in zip(self.batch.schema.names, self.batch.columns, strict=True)
                }
        except UnicodeDecodeError as error:
            return SampleError(f"{file.name} row group {group} row {row}: not UTF-8 ({error.reason}).")
        except _DAMAGED as error:
            self.error = f"{type(error).__name__}: {error}"
        return SampleError(f"{file.name} row group {group} row {row}: {self.error}")

    def close(self) -> None:
        if self.parquet is not None:
            self.parquet.close(force=True)
        self.place, self.parquet, self.batch = ("", -1), None, None

    def _open(self, file: DataFile, group: int, columns: Sequence[str]) -> None:
        if self.parquet is None or file.uri != self.place[0]:
            self.close()
            self.parquet = _opened(file)
        self.place, self.batch, self.start, self.error = (file.uri, group), None, 0, ""
        wanted = _wanted(self.parquet.schema_arrow, columns)
        has_media = any(is_heavy(self.parquet.schema_arrow.field(name).type) for name in wanted)
        size = _ROWS_OF_MEDIA if has_media else _ROWS_OF_TEXT
        self.batches = self.parquet.iter_batches(size, row_groups=[group], columns=wanted)

    def _advance(self, row: int) -> None:
        while self.batch is None or row >= self.start + self.batch.num_rows:
            self.start += self.batch.num_rows if self.batch is not None else 0
            self.batch = next(self.batches, None)
            if self.batch is None:
                raise EOFError("the row is not there any more")


def is_heavy(kind: pa.DataType) -> bool:
    """Whether a column of this type holds bytes, which a listing leaves unread."""
    if pa.types.is_struct(kind):
        return any(is_heavy(kind.field(index).type) for index in range(kind.num_fields))
    return (
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
        or str(kind) == "binary_view"
    )


def _opened(file: DataFile) -> pq.ParquetFile:
    try:
        where = str(local_path(file.uri)) if is_local(file.uri) else open_binary(file.uri)
        return pq.ParquetFile(where, buffer_size=1 << 20, pre_buffer=False)
    except Exception as error:  # a store's client has its own errors
        raise _unreadable(file, error) from error


def _unreadable(file: DataFile, error: Exception) -> SourceError:
    return SourceError(
        f"{file.uri}: cannot be read as Parquet ({type(error).__name__}: {error}). Fetch it again, or leave it out."
    )


def _rows(parquet: pq.ParquetFile, group: int, columns: Sequence[str]) -> Iterator[Values]:
    if not columns:
        yield from islice(iter(dict, None), parquet.metadata.row_group(group).num_rows)
        return
    for batch in parquet.iter_batches(_ROWS_OF_TEXT, row_groups=[group], columns=list(columns)):
        cells = [_cells(column) for column in batch.columns]
        names = batch.schema.names
        for row in zip(*cells, strict=True):
            yield dict(zip(names, row, strict=True))


def _cells(column: "pa.Array[Any]") -> list[object]:
    """Values; None for a text that is not UTF-8: loading it says so."""
    try:
        cells: list[object] = column.to_pylist()
    except UnicodeDecodeError:
        return [_cell(value) for value in column]
    return cells


def _cell(value: "pa.Scalar[Any]") -> object:
    try:
        return value.as_py()
    except UnicodeDecodeError:
        return None


def _bytes_per_row(parquet: pq.ParquetFile, group: int, columns: Sequence[str]) -> int:
    """As stored, on average."""
    metadata = parquet.metadata.row_group(group)
    chunks = (metadata.column(index) for index in range(metadata.num_columns))
    total = sum(chunk.total_compressed_size for chunk in chunks if chunk.path_in_schema.split(".")[0] in columns)
    return int(total) // max(metadata.num_rows, 1)


def _wanted(schema: pa.Schema, columns: Sequence[str]) -> list[str]:
    """The mapped columns, and others that are single small values."""
    others = [one.name for one in schema if one.name not in columns and _is_scalar(one.type)]
    return [*columns, *sorted(others)[:_MAX_OTHER_COLUMNS]]


def _is_scalar(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_boolean(kind)
        or types.is_dictionary(kind)
    )
