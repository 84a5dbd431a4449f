"""CLIP_benchmark's recall of a matrix of scores, as its `evaluate` calls it; the argument is an .npz.

It holds `scores` (texts, images), `positive_pairs` of the same shape, `cutoffs` and `logits`, `target` of a
classification.
"""

import json
import sys
from importlib.metadata import version

import numpy as np
import torch
from clip_benchmark.metrics.zeroshot_classification import zero_shot_classifier
from clip_benchmark.metrics.zeroshot_retrieval import batchify, recall_at_k

given = np.load(sys.argv[1])
scores, positive = torch.from_numpy(given["scores"]), torch.from_numpy(given["positive_pairs"])
found = {}
for k in given["cutoffs"].tolist():
    for name, rows, right in (("text_to_image", scores, positive), ("image_to_text", scores.T, positive.T)):
        found[f"{name}_{k}"] = (batchify(recall_at_k, rows, right, 16, "cpu", k=k) > 0).tolist()


class Table:
    """A model that looks the vectors of numbered prompts up."""

    def encode_text(self, numbers: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(given["prompts"])[numbers]


num_templates = int(given["num_templates"])
names = [str(number) for number in range(len(given["prompts"]) // num_templates)]
templates = {name: [int(name) * num_templates + place for place in range(num_templates)] for name in names}
weights = zero_shot_classifier(Table(), torch.tensor, names, templates, "cpu", amp=False)
logits = torch.from_numpy(given["queries"]) @ weights
# Its `accuracy` goes on from here, but makes a number of an array as numpy 2.5 no longer does.
best = logits.topk(5, 1, True, True)[1].tolist()
print(json.dumps({"version": version("clip_benchmark"), "hits": found, "weights": weights.T.tolist(), "best": best}))
