"""The sidecar of a shard: one row for every reference, failures included, with the offsets of every member."""

from operator import itemgetter
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import storage

SUCCESS = "success"
DUPLICATE_KEY = "duplicate_key"
WITHDRAWN = "withdrawn"
"""It was a sample once, and was erased."""
NO_FAILURES = (SUCCESS, DUPLICATE_KEY, WITHDRAWN)
MEMBERS = ("image", "audio", "text", "json")

_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("uid", pa.string()),
    ("key", pa.string()),
    ("content_id", pa.string()),
    ("reference", pa.string()),
    ("source_row", pa.int64()),
    ("group", pa.string()),
    ("caption", pa.string()),
    ("captions", pa.list_(pa.string())),
    ("language", pa.string()),
    ("texts", pa.map_(pa.string(), pa.string())),
    ("voice", pa.string()),
    ("tags", pa.list_(pa.string())),
    ("url", pa.string()),
    ("license", pa.string()),
    ("source", pa.string()),
    ("original_data", pa.map_(pa.string(), pa.string())),
    ("status", pa.string()),
    ("error_message", pa.string()),
    ("transient", pa.bool_()),
    ("http_status", pa.int32()),
    ("width", pa.int32()),
    ("height", pa.int32()),
    ("original_width", pa.int32()),
    ("original_height", pa.int32()),
    ("duration_seconds", pa.float64()),
    ("sample_rate_hz", pa.int32()),
    ("exif", pa.string()),
    ("face_bboxes", pa.list_(pa.list_(pa.float32()))),
    ("sha256", pa.string()),
    ("sha256_stored", pa.string()),
    ("image_sha256", pa.string()),
    ("audio_sha256", pa.string()),
    *((f"{member}_{what}", pa.int64()) for member in MEMBERS for what in ("offset", "size")),
    ("image_extension", pa.string()),
    ("audio_extension", pa.string()),
]

SIDECAR: pa.Schema = pa.schema(_COLUMNS)


_IDS = {"uid", "key", "content_id", "sha256", "sha256_stored", "image_sha256", "audio_sha256", "reference", "caption"}
_NUMBERS = {"source_row", *(f"{member}_{what}" for member in MEMBERS for what in ("offset", "size"))}


_EMPTY: dict[str, object] = dict.fromkeys(SIDECAR.names)
_VALUES = itemgetter(*SIDECAR.names)


class Rows:
    """Sidecar rows as they come; all but the latest are held as Arrow, a tenth of what dictionaries need."""

    _BATCH = 1000

    def __init__(self) -> None:
        self._batches: list[pa.RecordBatch] = []
        self._rows: list[dict[str, object]] = []

    def add(self, row: dict[str, object]) -> None:
        """Columns that the row does not name are null."""
        self._rows.append(row)
        if len(self._rows) == self._BATCH:
            self._batch()

    def __len__(self) -> int:
        return sum(map(len, self._batches)) + len(self._rows)

    def table(self) -> pa.Table:
        """In one chunk, so that equal rows give equal files."""
        self._batch()
        return pa.Table.from_batches(self._batches, schema=SIDECAR).combine_chunks()

    def _batch(self) -> None:
        if not self._rows:
            return
        whole = zip(*(_VALUES(_EMPTY | row) for row in self._rows), strict=True)
        columns = [pa.array(values, one.type) for values, one in zip(whole, SIDECAR, strict=True)]
        self._batches.append(pa.RecordBatch.from_arrays(columns, schema=SIDECAR))
        self._rows.clear()


def write_sidecar(uri: str, table: pa.Table) -> None:
    """Zstandard Parquet; ids are no words to be counted, offsets differ by little."""
    words: Any = [one.name for one in SIDECAR if one.name not in _IDS | _NUMBERS and not pa.types.is_nested(one.type)]
    with storage.replacing(uri) as path:
        pq.write_table(
            table,
            path,
            compression="zstd",
            use_dictionary=words,  # the stubs know only a bool
            column_encoding=dict.fromkeys(sorted(_NUMBERS), "DELTA_BINARY_PACKED"),
            write_statistics=["source_row", "status"],
        )
