"""Tars by the installed webdataset's own writer: arguments are a folder of given samples, and the folder for tars.

The given folder holds `samples.json`, a list of [key, {part: file}], and the files that it names.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import webdataset

given, target = map(Path, sys.argv[1:])
samples = json.loads((given / "samples.json").read_text())
target.mkdir(parents=True)
with webdataset.ShardWriter(str(target / "%06d.tar"), maxcount=7) as writer:
    for key, parts in samples:
        writer.write({"__key__": key} | {part: (given / name).read_bytes() for part, name in parts.items()})
print(json.dumps({"version": version("webdataset"), "num_samples": len(samples)}))
