"""Tars by CLIP_benchmark's own builder: arguments are a folder of given samples, the target, `classes` or `retrieval`.

The given folder holds `samples.json`: a list of [picture file, number of a class, captions].
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import torch
from clip_benchmark.webdataset_builder import convert_dataset, convert_retrieval_dataset, path_to_bytes


class Given(torch.utils.data.Dataset):
    """(path, label or captions)."""

    def __init__(self, folder, column):
        self.samples = json.loads((folder / "samples.json").read_text())
        self.folder, self.column = folder, column
        self.classes, self.templates = ["a tile", "a boat", "a cat"], ["a photo of {c}."]

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return str(self.folder / self.samples[index][0]), self.samples[index][self.column]


folder, target, kind = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
convert, column = (convert_dataset, 1) if kind == "classes" else (convert_retrieval_dataset, 2)
convert(Given(folder, column), "test", target, transform=path_to_bytes, max_count=5, verbose=False)
print(json.dumps({"version": version("clip_benchmark")}))
