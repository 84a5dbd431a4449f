"""For wids: one index that names every shard where it lies, with its samples and bytes."""

from pipelines import storage
from pipelines.exporting.handing import Handing, Result


def export_wids(handing: Handing) -> Result:
    """The tars of a snapshot where they are; of a view new ones. No md5sum: nobody checks it, and it would mean to read
    the media again."""
    shardlist = [
        {"url": shard.uri, "nsamples": len(shard.samples), "filesize": shard.num_bytes} for shard in handing.shards()
    ]
    target = handing.selection.target
    index = {
        "__kind__": "wids-shard-index-v1",
        "wids_version": 1,
        "name": f"{target.corpus}-{target.snapshot}",
        "shardlist": shardlist,
    }
    storage.write_json(f"{handing.output}/index.json", index)
    return {"num_samples": sum(int(str(one["nsamples"])) for one in shardlist), "num_shards": len(shardlist)}
