"""Megatron-Energon: a WebDataset tar with its index, its loader of captioning samples over Pillow images."""

import io
import sys
import tarfile
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

import torch
from megatron.energon import (
    DefaultTaskEncoder,
    WorkerConfig,
    get_loader,
    get_val_dataset,
)
from megatron.energon.flavors.webdataset import BaseWebdatasetFactory
from serving import open_clip_eval, serve

TRANSFORM = open_clip_eval()


class Encoder(DefaultTaskEncoder):
    """Images alone, transformed; batches are stacked."""

    def encode_sample(self, sample):
        """float32 (3, 224, 224)."""
        return TRANSFORM(sample.image)

    def batch(self, samples):
        """float32 (B, 3, 224, 224)."""
        return torch.stack(samples)


def _add(tar, name, data):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def _write(folder):
    target = folder / "energon"
    target.mkdir()
    with tarfile.open(target / "00000000.tar", "w") as tar:
        for path in sorted((folder / "images").glob("*.jpg")):
            _add(tar, f"{path.stem}.jpg", path.read_bytes())
            _add(tar, f"{path.stem}.txt", b"a photograph")
    BaseWebdatasetFactory.prepare_dataset(
        target, ["00000000.tar"], split_parts_ratio=[("train", 0), ("val", 1), ("test", 0)], workers=1
    )
    (target / ".nv-meta" / "dataset.yaml").write_text(
        "sample_type:\n  __module__: megatron.energon\n  __class__: CaptioningSample\n"
        "field_map:\n  image: jpg\n  caption: txt\ndecoder:\n  __module__: megatron.energon\n"
        "  __class__: SampleDecoder\n  image_decode: pil\n"
    )
    return target


if __name__ == "__main__":
    target, batch_size = _write(Path(sys.argv[1])), int(sys.argv[2])

    def batches():
        """One pass over the validation part: it ends after every sample."""
        config = WorkerConfig(rank=0, world_size=1, num_workers=0)
        return get_loader(get_val_dataset(target, batch_size=batch_size, worker_config=config, task_encoder=Encoder()))

    serve(batches)
