"""For DataComp: the subset file that its resharder applies to the snapshot's own folder, and the boxes of faces."""

import pyarrow.compute as pc

from pipelines import storage
from pipelines.curation.views import uids_npy
from pipelines.exporting.selecting import Selection, absolute, packed_shards
from pipelines.shards.reading import read_sidecar
from pipelines.shards.sidecar import SUCCESS


def export_datacomp(selection: Selection, output: str) -> dict[str, object]:
    """`uids.npy`; the snapshot's folder has the layout of a DataComp download already. Where faces are known, their
    boxes by uid and `blur_metadata_map.json`: sidecars also have rows without uid, which the resharder cannot sort."""
    uids: list[str] = []
    parquets: dict[str, dict[str, object]] = {}
    for shard in packed_shards(selection):
        uids += [sample.uid for sample in shard.samples if selection.has(sample.uid)]
        if faces := _export_faces(selection, shard.name, f"{output}/face_bboxes"):
            parquets[shard.name] = {"parquet": faces, "shards": [shard.uri]}
    storage.write_atomic(f"{output}/uids.npy", uids_npy(uids))
    if parquets:
        storage.write_json(f"{output}/blur_metadata_map.json", parquets)
    input_dir = absolute(selection.layout.shards(selection.snapshot))
    return {"num_samples": len(uids), "num_shards_with_faces": len(parquets), "input_dir": input_dir}


def _export_faces(selection: Selection, tar: str, folder: str) -> str:
    """The Parquet file that was written; "" where no face of the shard is known."""
    number = int(tar.removesuffix(".tar"))
    table = read_sidecar(selection.layout, selection.snapshot, number, ["uid", "status", "face_bboxes"])
    table = table.filter(pc.field("status") == SUCCESS)
    if table["face_bboxes"].null_count == len(table):
        return ""
    uri = f"{folder}/{number:08d}.parquet"
    storage.write_table(uri, table.select(["uid", "face_bboxes"]))
    return uri
