"""What open_clip's own training pipeline yields: arguments are the shards, and `train` or `val`.

Pictures and texts come out as digests, so that no tower and no tokenizer has a part in it.
"""

import hashlib
import json
import sys
from argparse import Namespace
from importlib.metadata import version

import torch
from open_clip_train.data import get_dataset_size, get_wds_dataset


def digest_of(data):
    """sha256 as a tensor of bytes, which batches keep as they are."""
    return torch.tensor(list(hashlib.sha256(data).digest()), dtype=torch.uint8)


def from_picture(image):
    return digest_of(image.tobytes())


def from_text(text):
    return [digest_of(text.encode())]


shards, part = sys.argv[1], sys.argv[2]
options = Namespace(
    train_data=shards, val_data=shards, train_num_samples=None, val_num_samples=None, dataset_resampled=False,
    train_data_upsampling_factors=None, seed=7, batch_size=1, workers=1, world_size=1,
)  # fmt: skip
info = get_wds_dataset(options, from_picture, is_train=part == "train", tokenizer=from_text)
pairs = [
    [bytes(picture.tolist()).hex(), bytes(text.tolist()).hex()]
    for pictures, texts in info.dataloader
    for picture, text in zip(pictures, texts, strict=True)
]
size, num_shards = get_dataset_size(shards)
versions = {name: version(name) for name in ("open_clip_torch", "webdataset")}
print(json.dumps({"versions": versions, "pairs": pairs, "size": size, "num_shards": num_shards}))
