import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.errors import SampleError
from pipelines.samples import Record
from pipelines.sources.tables.table import TableSource

Rows = Sequence[Mapping[str, object]]


def _csv(path: Path, rows: Rows, delimiter: str = ",") -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


def _tsv(path: Path, rows: Rows) -> None:
    lines = ["\t".join(rows[0]), *("\t".join(map(str, row.values())) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _jsonl(path: Path, rows: Rows) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def _parquet(path: Path, rows: Rows) -> None:
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), path, row_group_size=3)


WRITERS: Mapping[str, Callable[[Path, Rows], None]] = {
    "csv": _csv,
    "tsv": _tsv,
    "jsonl": _jsonl,
    "parquet": _parquet,
}


def write_table(path: Path, rows: Rows) -> Path:
    """By the suffix, with the writers that users have."""
    path.parent.mkdir(parents=True, exist_ok=True)
    WRITERS[path.suffix[1:]](path, rows)
    return path


def read(source: TableSource) -> list[Record | SampleError]:
    return list(source.read(source.references()))


def records(source: TableSource) -> list[Record]:
    found = read(source)
    assert all(isinstance(one, Record) for one in found), found
    return [one for one in found if isinstance(one, Record)]


@pytest.fixture(params=WRITERS)
def suffix(request: pytest.FixtureRequest) -> str:
    return str(request.param)
