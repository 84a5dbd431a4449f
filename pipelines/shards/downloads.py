"""The ledger of a shard's downloads: one row for every URL that was asked for."""

from dataclasses import asdict

import pyarrow as pa

from pipelines.samples import Download

_COLUMNS: list[tuple[str, pa.DataType]] = [
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
"""As the fields of `pipelines.samples.Download`."""


def ledger(downloads: list[Download]) -> pa.Table:
    """In the order of the records."""
    return pa.Table.from_pylist([asdict(one) for one in downloads], schema=LEDGER)
