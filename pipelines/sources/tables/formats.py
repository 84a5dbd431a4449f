"""Which format a file is in, by its name."""

from collections.abc import Mapping, Sequence

from pipelines.errors import SourceError
from pipelines.sources.files import DataFile
from pipelines.sources.tables.delimited import DelimitedText
from pipelines.sources.tables.json_lines import JsonLines
from pipelines.sources.tables.parquet import ParquetRows
from pipelines.sources.tables.rows import RowFormat

PARQUET_SUFFIXES = (".parquet", ".pq")
_JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
_TAB_SUFFIXES = (".tsv", ".tab")
_PLAIN_SUFFIXES = (*_JSON_SUFFIXES, *_TAB_SUFFIXES, ".csv")
SUFFIXES = (*PARQUET_SUFFIXES, *_PLAIN_SUFFIXES, *(f"{suffix}.gz" for suffix in _PLAIN_SUFFIXES))


def format_of(files: Sequence[DataFile], options: Mapping[str, object]) -> RowFormat:
    """Of all files of a table; `options` are of CSV and TSV: delimiter, quotes, header."""
    formats: dict[RowFormat, DataFile] = {}
    for file in files:
        formats.setdefault(_format_of(file.uri.lower(), options), file)
    if len(formats) > 1:
        first, second, *_ = formats.values()
        raise SourceError(
            f"{first.uri} and {second.uri} are tables of two kinds. Name the files of one: a pattern such as *.parquet."
        )
    return next(iter(formats))


def _format_of(uri: str, options: Mapping[str, object]) -> RowFormat:
    if uri.endswith(PARQUET_SUFFIXES):
        return ParquetRows()
    if uri.removesuffix(".gz").endswith(_JSON_SUFFIXES):
        return JsonLines()
    is_tsv = uri.removesuffix(".gz").endswith(_TAB_SUFFIXES)
    header = options.get("header") or ()
    return DelimitedText(
        delimiter=str(options.get("delimiter") or ("\t" if is_tsv else ",")),
        quotes=bool(options.get("quotes", not is_tsv)),
        header=tuple(header) if isinstance(header, list | tuple) else (str(header),),
    )
