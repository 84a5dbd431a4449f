"""For DataComp: the subset file that its resharder applies to a snapshot's own folder, and the boxes of faces."""

import numpy as np
import pyarrow.compute as pc

from pipelines import storage
from pipelines.curation.views import uids_npy
from pipelines.exporting.arranging import num_copies
from pipelines.exporting.handing import Handing, Result
from pipelines.exporting.packed import PackedSample, packed_shards
from pipelines.exporting.selecting import Selection, absolute
from pipelines.shards.reading import read_sidecar
from pipelines.shards.sidecar import SUCCESS


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
    return [(selection.of_snapshot(part), f"{output}/{one}") for part, one in enumerate(selection.snapshots)]


def _export(handing: Handing, selection: Selection, output: str) -> dict[str, int]:
    uids: list[str] = []
    parquets: dict[str, dict[str, object]] = {}
    for shard in packed_shards(selection):
        kept = [sample for sample in shard.samples if sample.is_kept]
        uids += _repeated(kept) if handing.arrangement.is_weighted else [sample.uid for sample in kept]
        if faces := _export_faces(selection, shard.name, f"{output}/face_bboxes"):
            parquets[shard.name] = {"parquet": faces, "shards": [shard.uri]}
    storage.write_atomic(f"{output}/uids.npy", uids_npy(uids))
    if parquets:
        storage.write_json(f"{output}/blur_metadata_map.json", parquets)
    return {"num_samples": len(uids), "num_shards_with_faces": len(parquets)}


def _repeated(samples: list[PackedSample]) -> list[str]:
    """A weight is a number of repeats here."""
    weights = np.array([sample.weight for sample in samples], np.float32)
    draws = np.array([int(sample.uid[16:], 16) for sample in samples], np.uint64)
    copies = num_copies(weights, draws).tolist()
    return [sample.uid for sample, copy in zip(samples, copies, strict=True) for _ in range(copy)]


def _export_faces(selection: Selection, tar: str, folder: str) -> str:
    """The Parquet file that was written, without rows that have no uid, which the resharder could not sort; "" where no
    face of the shard is known."""
    number = int(tar.removesuffix(".tar"))
    table = read_sidecar(selection.layout, selection.snapshots[0], number, ["uid", "status", "face_bboxes"])
    table = table.filter(pc.field("status") == SUCCESS)
    if table["face_bboxes"].null_count == len(table):
        return ""
    uri = f"{folder}/{number:08d}.parquet"
    storage.write_table(uri, table.select(["uid", "face_bboxes"]))
    return uri
