"""The sidecar of a shard: one row for every reference, failures included, with the offsets of every member."""

import pyarrow as pa

SUCCESS = "success"
DUPLICATE_KEY = "duplicate_key"
MEMBERS = ("image", "audio", "text", "json")

_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("uid", pa.string()),
    ("key", pa.string()),
    ("reference", pa.string()),
    ("source_row", pa.int64()),
    ("group", pa.string()),
    ("caption", pa.string()),
    ("language", pa.string()),
    ("texts", pa.map_(pa.string(), pa.string())),
    ("voice", pa.string()),
    ("tags", pa.list_(pa.string())),
    ("url", pa.string()),
    ("license", pa.string()),
    ("source", pa.string()),
    ("status", pa.string()),
    ("error_message", pa.string()),
    ("width", pa.int32()),
    ("height", pa.int32()),
    ("original_width", pa.int32()),
    ("original_height", pa.int32()),
    ("duration_seconds", pa.float64()),
    ("sample_rate_hz", pa.int32()),
    ("exif", pa.string()),
    ("sha256", pa.string()),
    ("sha256_stored", pa.string()),
    ("image_sha256", pa.string()),
    ("audio_sha256", pa.string()),
    *((f"{member}_{what}", pa.int64()) for member in MEMBERS for what in ("offset", "size")),
    ("image_extension", pa.string()),
    ("audio_extension", pa.string()),
]

SIDECAR: pa.Schema = pa.schema(_COLUMNS)


def table_of(rows: list[dict[str, object]]) -> pa.Table:
    """Rows as a table of the sidecar's schema; columns that a row does not name are null."""
    return pa.Table.from_pylist(rows, schema=SIDECAR)
