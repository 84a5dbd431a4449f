"""What Megatron-Energon yields of a prepared folder: arguments are the folder, and `crude` or `captioning`.

Crude samples come undecoded (digests of bytes), captioning ones as energon decodes them (digests of RGB pixels).
"""

import hashlib
import json
import sys
from importlib.metadata import version

from megatron.energon import (
    Cooker,
    DefaultTaskEncoder,
    WorkerConfig,
    basic_sample_keys,
    edataclass,
    get_loader,
    get_val_dataset,
    stateless,
)
from megatron.energon.flavors.base_dataset import Sample

MEDIA = {"jpg", "png", "webp", "flac"}


@edataclass
class Found(Sample):
    """One crude sample as JSON."""

    text: str


@stateless
def cook(sample):
    """Digests of media, the texts as they are."""
    found = {name: hashlib.sha256(sample[name]).hexdigest() for name in sample if name in MEDIA}
    if "txt" in sample:
        found["txt"] = sample["txt"].decode()
    return Found(**basic_sample_keys(sample), text=json.dumps(found))


class Crude(DefaultTaskEncoder):
    decoder = None
    cookers = [Cooker(cook)]  # noqa: RUF012 - energon looks for it there


class Captioning(DefaultTaskEncoder):
    """Pictures decoded by energon, not batched."""


folder, kind = sys.argv[1:]
crude = kind == "crude"
configs = {} if crude else {"dataset_config": "captioning.yaml", "split_config": "captioning_split.yaml"}
dataset = get_val_dataset(
    folder,
    split_part="train",
    worker_config=WorkerConfig(rank=0, world_size=1, num_workers=0),
    batch_size=None,
    task_encoder=Crude() if crude else Captioning(),
    **configs,
)


def shown(sample):
    if crude:
        return {"__key__": sample.__key__} | json.loads(sample.text)
    pixels = (sample.image * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
    digest = hashlib.sha256(pixels.tobytes()).hexdigest()
    return {"__key__": sample.__key__, "pixels": digest, "txt": sample.caption}


samples = [shown(sample) for sample in get_loader(dataset)]
print(json.dumps({"version": version("megatron-energon"), "samples": samples}))
