"""DuckDB connections that stream from files and spill to a folder: one for the engine, and the sandbox of a policy.

Both hold their memory below MEMORY_LIMIT whatever the number of rows. The sandbox reads the files that it is given and
nothing else, and the files that it may write are the ones that the engine's own statement around the policy writes.
"""

import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from pipelines import storage
from pipelines.layout import Layout

MEMORY_LIMIT = "1800MB"
"""Of one connection. DuckDB counts what it allocates; with Python, Arrow and Parquet's buffers a process stays under
4 GB."""
MAX_SPILLED = "64GB"
"""What a connection may keep on disk beyond that, three times a window over 100 M rows; a query that wants more is
refused before it fills the disk."""
SANDBOX: dict[str, str | bool | int | float | list[str]] = {
    "python_enable_replacements": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "max_expression_depth": 250,
}
NUM_THREADS: int | None = None
"""None is one for each core. Verdicts are the same for any number."""
PARQUET = (
    "format parquet, parquet_version v2, compression zstd, compression_level 1, dictionary_size_limit 2000, "
    "use_tmp_file false"
)
"""How large tables are written: uids do not repeat, so no dictionary of them is tried for long; hex digits take half of
their size by entropy coding alone, at less than what it costs to write the other half."""


@contextmanager
def scratch(layout: Layout) -> Iterator[Path]:
    """A folder for what is spilled and for steps in between, on the disk of a local root; removed at the end."""
    parent = None
    if storage.is_local(layout.root):
        parent = storage.local_path(layout.cache("curating")).absolute()
        parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="curating-", dir=parent) as folder:
        yield Path(folder)


@contextmanager
def open_engine(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """For the engine's own SQL."""
    with duckdb.connect(":memory:", config=_limits(folder)) as connection:
        yield connection


@contextmanager
def open_sandbox(folder: Path, files: Sequence[str]) -> Iterator[duckdb.DuckDBPyConnection]:
    """For SQL that somebody else wrote; `files` are all that can be opened, and nothing can be set any more."""
    with duckdb.connect(":memory:", config=SANDBOX | _limits(folder)) as connection:
        connection.execute(f"set allowed_paths = [{', '.join(map(quoted, files))}]")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
        yield connection


@contextmanager
def time_limit(connection: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    """Interrupts what still runs after so long; DuckDB raises `InterruptException` then."""
    timer = threading.Timer(seconds, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def quoted(text: str) -> str:
    """As a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def named(name: str) -> str:
    """As an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def parquet(files: Sequence[str]) -> str:
    """The FROM of some Parquet files."""
    return f"read_parquet([{', '.join(map(quoted, files))}])"


def _limits(folder: Path) -> dict[str, str | bool | int | float | list[str]]:
    limits: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY_LIMIT,
        "temp_directory": str(folder / "spilled"),
        "max_temp_directory_size": MAX_SPILLED,
        "disabled_optimizers": "build_side_probe_side",  # it swaps the sides of a join by size, and with them the order
    }
    return limits if NUM_THREADS is None else {**limits, "threads": NUM_THREADS}
