"""Run the engine's own SQL files: one statement each, tables by name, values bound, nothing left behind by a call."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import duckdb
import pyarrow as pa

from pipelines import storage
from pipelines.layout import Layout

_FILES = Path(__file__).parent / "sql"


def run_sql(name: str, *, params: dict[str, object] | None = None, **tables: pa.Table) -> pa.Table:
    """The table that `sql/<name>.sql` makes of `tables`; an unused or missing parameter is an error."""
    with database().cursor() as connection:
        for table_name, table in tables.items():
            connection.register(table_name, table)
        result: pa.Table = connection.sql(_sql(name), params=params).to_arrow_table()
    return result


def run_files(
    layout: Layout,
    name: str,
    files: Mapping[str, Sequence[str]],
    *,
    params: Mapping[str, object] | None = None,
    **tables: pa.Table,
) -> pa.Table:
    """The same for a statement that reads Parquet files of a root itself; `files` are parameters as well."""
    given = {key: [uri.removeprefix("file://") for uri in uris] for key, uris in files.items()} | dict(params or {})
    with duckdb.connect(":memory:", config={"python_enable_replacements": False}) as connection:
        if not storage.is_local(layout.root):
            connection.register_filesystem(storage.filesystem_of(layout.root)[0])
        for table_name, table in tables.items():
            connection.register(table_name, table)
        result: pa.Table = connection.sql(_sql(name), params=given).to_arrow_table()
    return result


def fill_sql(name: str, **parts: str) -> str:
    """The text of `sql/<name>.sql` with SQL in the place of every `{part}`: for what no parameter can stand for."""
    return _sql(name).format(**parts)


@cache
def database() -> duckdb.DuckDBPyConnection:
    """An empty in-memory DuckDB; each cursor is a connection with tables of its own, at a thirtieth of the cost."""
    return duckdb.connect(":memory:", config={"python_enable_replacements": False})


@cache
def _sql(name: str) -> str:
    return (_FILES / f"{name}.sql").read_text(encoding="utf-8")
