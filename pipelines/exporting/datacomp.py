"""For DataComp: the subset file that its resharder applies to the snapshot's own folder."""

from pipelines import storage
from pipelines.curation.views import uids_npy
from pipelines.exporting.selecting import Selection, absolute, packed_shards


def export_datacomp(selection: Selection, output: str) -> dict[str, object]:
    """`uids.npy` alone: the snapshot's folder has the layout of a DataComp download already."""
    uids = [s.uid for shard in packed_shards(selection) for s in shard.samples if selection.has(s.uid)]
    storage.write_atomic(f"{output}/uids.npy", uids_npy(uids))
    return {"num_samples": len(uids), "input_dir": absolute(selection.layout.shards(selection.snapshot))}
