"""Every sample of a wids index, by number: the argument is the index."""

import hashlib
import json
import sys
from importlib.metadata import version

from wids import ShardListDataset

dataset = ShardListDataset(sys.argv[1], transformations=[])


def found(sample):
    """Digests of media, the texts as they are."""
    media = {name[1:]: sample[name].read() for name in sample if name in {".jpg", ".png", ".webp", ".flac", ".txt"}}
    text = {"txt": media.pop("txt").decode()} if "txt" in media else {}
    return {"__key__": sample["__key__"]} | {n: hashlib.sha256(d).hexdigest() for n, d in media.items()} | text


samples = [found(dataset[number]) for number in range(len(dataset))]
print(json.dumps({"version": version("webdataset"), "name": dataset.dataset_name, "samples": samples}))
