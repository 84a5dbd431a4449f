"""A pool as tables on disk while its duplicates are looked for: filled shard by shard, gone afterwards."""

import os
import shutil
import socket
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines import storage
from pipelines.layout import Layout
from pipelines.progress import track
from pipelines.samples import Snapshot
from pipelines.shards.reading import read_sidecar
from pipelines.shards.sidecar import SUCCESS
from pipelines.shards.snapshots import num_shards
from pipelines.signals.schema import FAMILIES

MEMORY_LIMIT = "1500MB"
"""Of the database; it spills beyond. Arrays of numbers come on top: some bytes for each sample."""
FINGERPRINTS = FAMILIES["fingerprints"]
SIDECAR_COLUMNS = (
    *("uid", "group", "image_sha256", "audio_sha256", "language", "caption", "texts", "width", "height"),
)  # fmt: skip
LISTS = ("image_colours", "text_minhash", "audio_fingerprint")
"""Columns that are many times larger than all others; only those that are asked for are copied."""

_SQL = Path(__file__).parent / "sql"
_ROWS_AT_ONCE = 1 << 16


class Workspace:
    """The table `samples` (row: pool order; part, shard, sidecar, fingerprints), and the tables made of it."""

    def __init__(self, folder: Path, layout: Layout, snapshots: Sequence[Snapshot]) -> None:
        self.folder, self.layout, self.snapshots = folder, layout, tuple(snapshots)
        self._connection = duckdb.connect(
            str(folder / "pool.duckdb"),
            config={
                "memory_limit": MEMORY_LIMIT,
                "temp_directory": str(folder / "spilled"),
                "preserve_insertion_order": False,
                "python_enable_replacements": False,
            },
        )
        for macro in ("plain_text", "thing_of"):
            self.run(macro)
        self._num_rows = 0

    def close(self) -> None:
        """Before its folder goes."""
        self._connection.close()

    def run(self, name: str, *, params: dict[str, object] | None = None, **tables: pa.Table) -> None:
        """Run `sql/<name>.sql`, which makes a table, with `tables` to read from."""
        for table_name, table in tables.items():
            self._connection.register(table_name, table)
        self._connection.execute(_sql(name), params)
        for table_name in tables:
            self._connection.unregister(table_name)

    def table(self, name: str, *, params: dict[str, object] | None = None, **tables: pa.Table) -> pa.Table:
        """What `sql/<name>.sql` selects; for answers that fit into memory."""
        for table_name, table in tables.items():
            self._connection.register(table_name, table)
        found: pa.Table = self._connection.sql(_sql(name), params=params).to_arrow_table()
        for table_name in tables:
            self._connection.unregister(table_name)
        return found

    def batches(self, name: str) -> Iterator[pa.RecordBatch]:
        """The same in pieces, in no order."""
        yield from self._connection.sql(_sql(name)).to_arrow_reader(_ROWS_AT_ONCE)

    def columns(self, name: str, *, params: dict[str, object] | None = None) -> tuple[NDArray[Any], ...]:
        """The columns of numbers that `sql/<name>.sql` selects, as arrays."""
        return tuple(column.to_numpy() for column in self.table(name, params=params).columns)

    def add(self, records: pa.Table, fingerprints: pa.Table) -> None:
        """The samples of one shard in source order, and what was measured of them."""
        rows = pa.array(np.arange(self._num_rows, self._num_rows + len(records)))
        self.run("insert_samples", records=records.append_column("row", rows), fingerprints=_whole(fingerprints))
        self._num_rows += len(records)

    def array(self, shape: tuple[int, ...], dtype: "np.dtype[Any]") -> NDArray[Any]:
        """Zeros on disk, mapped; they go with the workspace."""
        if not np.prod(shape):
            return np.zeros(shape, dtype=dtype)
        with tempfile.NamedTemporaryFile(dir=self.folder, delete=False) as file:
            return np.memmap(file.name, dtype=dtype, mode="w+", shape=shape)


@contextmanager
def open_workspace(layout: Layout, snapshots: Sequence[Snapshot], lists: Collection[str]) -> Iterator[Workspace]:
    """The samples of a pool with fingerprints, those of LISTS that are in `lists`; each uid where it is first."""
    with _folder(layout) as folder:
        workspace = Workspace(folder, layout, snapshots)
        try:
            workspace.run("create_samples")
            wanted = ["uid", "image_phash", *(name for name in LISTS if name in lists)]
            places = [(part, snapshot, shard) for part, snapshot in enumerate(snapshots)
                      for shard in range(num_shards(layout, snapshot))]  # fmt: skip
            for part, snapshot, shard in track(places, total=len(places), what="duplicates: read the pool"):
                records = _records(layout, snapshot, shard, part)
                workspace.add(records, _fingerprints(layout, snapshot, shard, wanted))
            if len(snapshots) > 1:
                workspace.run("delete_repeated")
            yield workspace
        finally:
            workspace.close()


def _records(layout: Layout, snapshot: Snapshot, shard: int, part: int) -> pa.Table:
    table = read_sidecar(layout, snapshot, shard, ["status", *SIDECAR_COLUMNS])
    table = table.filter(pc.field("status") == SUCCESS).select(list(SIDECAR_COLUMNS))
    for name, value in (("part", part), ("shard", shard)):
        table = table.append_column(name, pa.repeat(pa.scalar(value, pa.int32()), len(table)))
    return table


def _fingerprints(layout: Layout, snapshot: Snapshot, shard: int, wanted: list[str]) -> pa.Table:
    """No rows where nobody measured."""
    uri = layout.signal(FINGERPRINTS.key, snapshot, shard)
    return storage.read_table(uri, wanted) if storage.exists(uri) else FINGERPRINTS.arrow.empty_table()


def _whole(fingerprints: pa.Table) -> pa.Table:
    """All columns of the family; null in what nobody asked for."""
    schema, number = FINGERPRINTS.arrow, len(fingerprints)
    there = fingerprints.column_names
    columns = [fingerprints[one.name] if one.name in there else pa.nulls(number, one.type) for one in schema]
    return pa.table(columns, schema=schema)


@contextmanager
def _folder(layout: Layout) -> Iterator[Path]:
    """Beside the data where that is local, for a temporary folder may be memory; leftovers of the dead are removed."""
    above = None
    if storage.is_local(layout.root):
        above = storage.local_path(layout.cache("duplicates"))
        above.mkdir(parents=True, exist_ok=True)
        for left in above.glob(f"{_prefix()}*"):
            if not _is_alive(left):
                shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{_prefix()}{os.getpid()}-", dir=above) as folder:
        yield Path(folder)


def _prefix() -> str:
    return f"{socket.gethostname()}-"


def _is_alive(folder: Path) -> bool:
    process = folder.name.removeprefix(_prefix()).partition("-")[0]
    with suppress(ProcessLookupError, ValueError):
        os.kill(int(process), 0)
        return True
    return False


@cache
def _sql(name: str) -> str:
    return (_SQL / f"{name}.sql").read_text(encoding="utf-8")
