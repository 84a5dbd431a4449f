"""A DataComp subset applied to a folder of shards, as its resharder does: arguments are the subset, and two folders.

The resharder itself is a script on no package index; this does its steps, with the webdataset that it pins: sizes from
`{:08d}_stats.json`, shards from zero while there are any, every sample looked up by the `uid` of its json in the mapped
array of (u8, u8), as many copies as the array holds.
"""

import json
import sys
from importlib.metadata import version
from itertools import count
from pathlib import Path

import numpy as np
import webdataset

U16 = np.dtype("u8,u8")
subset_file, source, target = map(Path, sys.argv[1:])
with subset_file.open("rb") as file:
    assert file.read(6) == b"\x93NUMPY"
subset = np.load(subset_file, mmap_mode="r")
assert subset.dtype == U16
shards = []
for number in count():
    if not (source / f"{number:08d}.tar").exists():
        break
    shards.append(source / f"{number:08d}.tar")
sizes = [json.loads((source / f"{shard.stem}_stats.json").read_text())["successes"] for shard in shards]
read = 0
target.mkdir()
with webdataset.TarWriter(str(target / "00000000.tar")) as writer:
    for sample in webdataset.WebDataset([str(shard) for shard in shards], shardshuffle=False):
        read += 1
        uid = json.loads(sample["json"])["uid"]
        key = np.array([divmod(int(uid, 16), 2**64)], U16)[0]
        copies = np.searchsorted(subset, key, "right") - np.searchsorted(subset, key, "left")
        for copy in range(copies):
            writer.write({**sample, "__key__": f"{uid}-{copy}"})
print(json.dumps({"version": version("webdataset"), "sizes": sizes, "read": read}))
