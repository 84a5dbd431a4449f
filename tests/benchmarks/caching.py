"""Drawings to a training batch: out of our decoded cache, and decoded again, against open_clip's way."""

import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from open_clip.transform import image_transform
from PIL import Image

from mmmodels.batches import decode_image
from mmmodels.loading import Media, open_media
from mmmodels.loading.tars import Tars
from mmmodels.preparing import Mixture, open_rows
from mmmodels.recipes import ImageConfig, ModelConfig
from pipelines.curation.curating import curate
from pipelines.curation.policy import load_policy
from pipelines.curation.views import View, open_view
from pipelines.layout import Layout
from pipelines.shards.reading import read_members
from pipelines.signals.measuring import measure
from tests.benchmarks.making import drawings_with_clips, packed
from tests.benchmarks.names import LOAD_CACHED, LOAD_DECODED
from tests.benchmarks.rows import Row, Settings, alternate, one_core

BATCH_SIZE = 256
_DIFFERENCE = "ours keeps the whole picture, puts transparency on white and reduces by areas; peer crops, bicubic"


def rows(settings: Settings) -> Iterator[Row]:
    """Every side ends with the same thing: normalised float32 (B, 3, 64, 64)."""
    config = ModelConfig()
    view = _view(Layout(str(settings.folder / "loading")), settings.size(2048, BATCH_SIZE))
    data = open_rows(Mixture(parts=((view, 1.0),)))
    media = open_media(data.table, data.shards, layout=view.layout, config=config, tars=Tars(), num_workers=1)["image"]
    order = np.random.default_rng(0).permutation(np.flatnonzero(media.index >= 0))
    batches = [order[start : start + BATCH_SIZE] for start in range(0, len(order), BATCH_SIZE)]
    stored = _stored(media)
    files = [[stored[media.index[row]] for row in batch] for batch in batches]
    ours = {
        LOAD_CACHED: lambda: sum(len(_normalised(media.read(batch), config.image)) for batch in batches),
        LOAD_DECODED: lambda: sum(len(_normalised(_decoded(batch, config.image), config.image)) for batch in files),
    }
    transform = _open_clip(config.image)
    assert _normalised(media.read(batches[0]), config.image).shape == _transformed(files[0], transform).shape
    for what, work in ours.items():
        with one_core() as on:
            runs = alternate(
                work, lambda: sum(len(_transformed(batch, transform)) for batch in files), num_pairs=settings.num_pairs
            )
        yield Row(
            what=what,
            unit="images/s",
            on=on,
            runs=runs,
            peer_name="PIL, open_clip.image_transform(is_train=False), stack",
            note="decoding into the cache happens once and is not in this row" if what == LOAD_CACHED else _DIFFERENCE,
        )


def _view(layout: Layout, count: int) -> View:
    """Packed, measured and judged as ever: the cache is the one that training reads."""
    snapshot = packed(drawings_with_clips, count, layout)
    measure(layout, snapshot, num_workers=1)
    report = curate(layout, [snapshot], policy=load_policy("default"), view="bench")
    return open_view(layout, "bench", report.digest)


def _stored(media: Media) -> list[bytes]:
    """The PNGs of the members, in their order."""
    members = media.members
    return list(read_members(members.tars[0], zip(members.offset.tolist(), members.size.tolist(), strict=True)))


def _decoded(batch: Sequence[bytes], config: ImageConfig) -> NDArray[np.uint8]:
    return np.stack([decode_image(data, config=config) for data in batch])


def _normalised(batch: NDArray[np.uint8], config: ImageConfig) -> Any:
    """What the image tower does with uint8 before its network."""
    mean, std = (torch.tensor(values)[:, None, None] for values in (config.mean, config.std))
    return torch.from_numpy(batch).float().div_(255).sub_(mean).div_(std)


def _open_clip(config: ImageConfig) -> Any:
    return image_transform(config.size_pixels, is_train=False, mean=config.mean * 3, std=config.std * 3)


def _transformed(batch: Sequence[bytes], transform: Any) -> Any:
    return torch.stack([transform(Image.open(io.BytesIO(data))) for data in batch])
