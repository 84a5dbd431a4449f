"""The subset files of a view that other readers take: DataComp's `uids.npy`, open_clip's `sizes.json`."""

import io
from collections.abc import Iterable, Mapping
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines import storage
from pipelines.curation.queries import run_files
from pipelines.curation.views import View

HALVES = np.dtype("u8,u8")


def write_subset(view: View) -> None:
    """`uids.npy` and `sizes.json` of what is kept; again where samples of a view were withdrawn."""
    files, gone = {"files": view.files}, view.withdrawn()
    kept = run_files(view.layout, "kept_keys", files, gone=gone)
    storage.write_atomic(f"{view.uri}/uids.npy", _npy(_halves(kept["key"])))
    del kept
    sizes = run_files(view.layout, "sizes", files, gone=gone).to_pylist()
    is_alone = len(view.snapshots) == 1
    storage.write_json(
        f"{view.uri}/sizes.json", {_tar_name(row, is_alone=is_alone): row["num_samples"] for row in sizes}
    )


def uids_npy(uids: Iterable[str]) -> bytes:
    """DataComp's subset file: pairs of u8, the halves of the uid, sorted."""
    with duckdb.connect(":memory:", config={"python_enable_replacements": False}) as connection:
        connection.register("kept", pa.table({"uid": pa.array(uids, pa.string())}))
        keys = connection.sql("select unhex(uid) as key from kept").to_arrow_table()
    return _npy(_halves(keys["key"]))


def _halves(keys: "pa.ChunkedArray[Any]") -> NDArray[np.uint64]:
    """(n, 2), from binary values of 16 bytes, sorted; 32 bytes a row, and as much again while it sorts."""
    parts = []
    for chunk in keys.chunks:
        fixed = chunk.cast(pa.binary(16))
        data = memoryview(fixed.buffers()[1] or b"")
        parts.append(np.frombuffer(data, ">u8", 2 * len(fixed), 16 * fixed.offset))
    halves = np.concatenate([np.zeros(0, ">u8"), *parts]).astype(np.uint64).reshape(-1, 2)
    return halves[np.lexsort((halves[:, 1], halves[:, 0]))]


def _npy(halves: NDArray[np.uint64]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(halves).view(HALVES).reshape(-1), allow_pickle=False)
    return buffer.getvalue()


def _tar_name(row: Mapping[str, Any], *, is_alone: bool) -> str:
    """Relative to the folder of the only snapshot, else to that of all shards."""
    name = f"{row['shard']:08d}.tar"
    return name if is_alone else f"{row['corpus']}/{row['snapshot']}/{name}"
