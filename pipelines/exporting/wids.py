"""For wids: one index that names every shard where it lies, with its samples and bytes."""

from pipelines import storage
from pipelines.exporting.selecting import Selection, packed_shards


def export_wids(selection: Selection, output: str) -> dict[str, object]:
    """No md5sum: nobody checks it, and it would mean to read the media again."""
    shardlist = [
        {"url": shard.uri, "nsamples": len(shard.samples), "filesize": shard.num_bytes}
        for shard in packed_shards(selection)
    ]
    name = f"{selection.snapshot.corpus}-{selection.snapshot.snapshot}"
    index = {"__kind__": "wids-shard-index-v1", "wids_version": 1, "name": name, "shardlist": shardlist}
    storage.write_json(f"{output}/index.json", index)
    return {"num_samples": sum(int(str(one["nsamples"])) for one in shardlist), "num_shards": len(shardlist)}
