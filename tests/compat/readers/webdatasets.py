"""Every sample that the installed webdataset finds in the given tars: arguments are the tars."""

import hashlib
import json
import sys
from importlib.metadata import version

import webdataset

MEDIA = {"jpg", "png", "webp", "flac"}


def found(sample):
    """Digests of media, the texts as they are."""
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in sample.items() if name in MEDIA}
    document = json.loads(sample["json"])
    texts = {"txt": sample["txt"].decode()} if "txt" in sample else {}
    return {"__key__": sample["__key__"]} | digests | texts | {"json": document}


dataset = webdataset.WebDataset(sys.argv[1:], shardshuffle=False)
samples = [found(sample) for sample in dataset]
decoded = [list(sample[0].shape) for sample in dataset.decode("rgb8").select(lambda s: "jpg" in s).to_tuple("jpg")]
print(json.dumps({"version": version("webdataset"), "samples": samples, "decoded": decoded}))
