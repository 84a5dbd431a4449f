"""What Hugging Face `datasets` makes of a folder or of tars: arguments are `folder`, the path and a split, or
`tars` and their paths.

The same twice: streamed, and as a built dataset. Pictures are decoded once by `datasets`, to their size.
"""

import hashlib
import json
import sys
from importlib.metadata import version

from datasets import Audio, Image, load_dataset

MEDIA = {"jpg", "png", "webp", "flac"}


def loaded(streaming):
    """One split, media undecoded."""
    if sys.argv[1] == "folder":
        split = sys.argv[3] if len(sys.argv) > 3 else "train"
        dataset = load_dataset(sys.argv[2], split=split, streaming=streaming)
    else:
        dataset = load_dataset("webdataset", data_files=sys.argv[2:], split="train", streaming=streaming)
    for name in MEDIA.intersection(dataset.column_names):
        dataset = dataset.cast_column(name, Audio(decode=False) if name == "flac" else Image(decode=False))
    return dataset


def found(row):
    """Digests of media, texts as they are, nothing for what is null."""
    media = {name: hashlib.sha256(row[name]["bytes"]).hexdigest() for name in MEDIA if row.get(name) is not None}
    text = {"txt": row["txt"]} if row.get("txt") is not None else {}
    return {"__key__": row["__key__"]} | media | text | {"json": row["json"]}


built = loaded(streaming=False)
sizes = [row["jpg"].size for row in built.cast_column("jpg", Image()).select_columns(["jpg"]) if row["jpg"] is not None]
print(
    json.dumps(
        {
            "version": version("datasets"),
            "features": {name: str(feature) for name, feature in built.features.items()},
            "built": [found(row) for row in built],
            "streamed": [found(row) for row in loaded(streaming=True)],
            "sizes": sizes,
        }
    )
)
