"""For DataComp: the subset file that its resharder applies to a snapshot's own folder, and the boxes of faces."""

import io

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines import storage
from pipelines.exporting.arranging import num_copies
from pipelines.exporting.handing import Handing, Result
from pipelines.exporting.selecting import Selection, absolute
from pipelines.exporting.surveying import survey
from pipelines.shards.reading import read_sidecar
from pipelines.shards.sidecar import SUCCESS

_SUBSET = np.dtype("u8,u8")


def export_datacomp(handing: Handing) -> Result:
    """`uids.npy`; a snapshot's folder has the layout of a DataComp download already. Of several snapshots each has a
    folder of its own here, because the resharder takes one at a time, and one uid may be in two of them."""
    selection = handing.selection
    results = {
        absolute(selection.layout.shards(one.snapshots[0])): _export(handing, one, folder)
        for one, folder in _apart(selection, handing.output)
    }
    total = {
        name: sum(result[name] for result in results.values()) for name in ("num_samples", "num_shards_with_faces")
    }
    return {**total, "input_dirs": list(results)}


def _apart(selection: Selection, output: str) -> list[tuple[Selection, str]]:
    """(what is selected of one snapshot, its folder)."""
    if len(selection.snapshots) == 1:
        return [(selection, output)]
    apart = [(selection.of_snapshot(part), f"{output}/{one}") for part, one in enumerate(selection.snapshots)]
    return [(one, folder) for one, folder in apart if one.kept is None or len(one.kept)]


def _export(handing: Handing, selection: Selection, output: str) -> dict[str, int]:
    found = survey(selection, num_workers=handing.num_workers)
    uids = np.stack([found.head, found.draw], axis=1)
    if handing.arrangement.is_weighted:
        uids = uids.repeat(num_copies(found.weight, found.draw), axis=0)
    storage.write_atomic(f"{output}/uids.npy", subset_of(uids))
    parquets: dict[str, dict[str, object]] = {}
    for _, shard in selection.shards():
        if faces := _export_faces(selection, shard, f"{output}/face_bboxes"):
            tar = absolute(selection.layout.tar(selection.snapshots[0], shard))
            parquets[tar.rpartition("/")[2]] = {"parquet": faces, "shards": [tar]}
    if parquets:
        storage.write_json(f"{output}/blur_metadata_map.json", parquets)
    return {"num_samples": len(uids), "num_shards_with_faces": len(parquets)}


def subset_of(uids: NDArray[np.uint64]) -> bytes:
    """The file of (n, 2) halves of uids: sorted pairs, one for each repeat."""
    order = np.lexsort((uids[:, 1], uids[:, 0]))
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(uids[order]).view(_SUBSET).ravel(), allow_pickle=False)
    return buffer.getvalue()


def _export_faces(selection: Selection, shard: int, folder: str) -> str:
    """The Parquet file that was written, without rows that have no uid, which the resharder could not sort; "" where no
    face of the shard is known."""
    table = read_sidecar(selection.layout, selection.snapshots[0], shard, ["uid", "status", "face_bboxes"])
    table = table.filter(pc.field("status") == SUCCESS)
    if table["face_bboxes"].null_count == len(table):
        return ""
    uri = f"{folder}/{shard:08d}.parquet"
    storage.write_table(uri, table.select(["uid", "face_bboxes"]))
    return uri
