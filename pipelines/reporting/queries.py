"""Run the SQL files of reporting: one statement each, tables by name, values bound."""

from functools import cache
from pathlib import Path

import pyarrow as pa

from pipelines.curation.queries import database

_FILES = Path(__file__).parent / "sql"


def run_sql(name: str, *, params: dict[str, object] | None = None, **tables: pa.Table) -> pa.Table:
    """The table that `sql/<name>.sql` makes of `tables`."""
    with database().cursor() as connection:
        for table_name, table in tables.items():
            connection.register(table_name, table)
        result: pa.Table = connection.sql(_sql(name), params=params).to_arrow_table()
    return result


@cache
def _sql(name: str) -> str:
    return (_FILES / f"{name}.sql").read_text(encoding="utf-8")
