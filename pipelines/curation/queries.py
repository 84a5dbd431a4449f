"""Run the engine's own SQL files: one statement each, tables by name, values bound, nothing left behind by a call."""

from functools import cache
from pathlib import Path

import duckdb
import pyarrow as pa

_FILES = Path(__file__).parent / "sql"


def run_sql(name: str, *, params: dict[str, object] | None = None, **tables: pa.Table) -> pa.Table:
    """The table that `sql/<name>.sql` makes of `tables`; an unused or missing parameter is an error."""
    with database().cursor() as connection:
        for table_name, table in tables.items():
            connection.register(table_name, table)
        result: pa.Table = connection.sql(_sql(name), params=params).to_arrow_table()
    return result


@cache
def database() -> duckdb.DuckDBPyConnection:
    """An empty in-memory DuckDB; each cursor is a connection with tables of its own, at a thirtieth of the cost."""
    return duckdb.connect(":memory:", config={"python_enable_replacements": False})


@cache
def _sql(name: str) -> str:
    return (_FILES / f"{name}.sql").read_text(encoding="utf-8")
