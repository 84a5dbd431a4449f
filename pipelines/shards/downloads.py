"""The ledger of a shard's downloads: one row for every URL that was asked for."""

from collections.abc import Sequence
from dataclasses import fields

import pyarrow as pa

from pipelines.samples import Download

_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("source_row", pa.int64()),
    ("url", pa.string()),
    ("outcome", pa.string()),
    ("final_url", pa.string()),
    ("http_status", pa.int32()),
    ("etag", pa.string()),
    ("last_modified", pa.string()),
    ("content_type", pa.string()),
    ("consent", pa.string()),
    ("num_attempts", pa.int32()),
    ("num_bytes", pa.int64()),
    ("seen_at", pa.float64()),
    ("error", pa.string()),
]

LEDGER: pa.Schema = pa.schema(_COLUMNS)
"""Which record wanted it, then the fields of `pipelines.samples.Download`."""
_OF_DOWNLOAD = tuple(field.name for field in fields(Download))


def ledger(downloads: Sequence[tuple[int | None, Download]]) -> pa.Table:
    """From (source row, download), in the order of the records."""
    rows = [{"source_row": row} | {name: getattr(one, name) for name in _OF_DOWNLOAD} for row, one in downloads]
    return pa.Table.from_pylist(rows, schema=LEDGER)
