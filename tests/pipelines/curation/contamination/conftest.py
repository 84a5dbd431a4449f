"""Two corpora in one root, really packed and measured: one to train on, one that is an evaluation set."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from pipelines.curation.curating import curate
from pipelines.curation.policy import parse_policy
from pipelines.curation.splits import Split, split_of
from pipelines.curation.views import View, open_view
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.packing import PackingConfig, pack
from pipelines.signals.measuring import measure
from tests.pipelines.curation.conftest import ListSource, Thing

ALL = parse_policy("all", "select uid from samples")
RATE_HZ = 16_000


def drawing(seed: int, *, size: int = 96, quality: int | None = None) -> bytes:
    """Blocks of colour; with a quality the same as a smaller JPEG."""
    blocks = np.random.default_rng(seed).integers(20, 235, size=(6, 6, 3), dtype=np.uint8)
    image = Image.fromarray(blocks).resize((size, size), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality) if quality else image.save(buffer, "PNG")
    return buffer.getvalue()


def melody(seed: int, *, gain: float = 1.0, cut: int = 0) -> bytes:
    """Notes of a tenth of a second; louder or without its beginning it is the same recording."""
    notes = np.random.default_rng(seed).uniform(250, 2500, 20)
    t = np.arange(RATE_HZ // 10) / RATE_HZ
    wave = np.concatenate([np.sin(2 * np.pi * note * t) + 0.5 * np.sin(5 * np.pi * note * t) for note in notes])
    buffer = io.BytesIO()
    soundfile.write(buffer, 0.3 * gain * wave[cut:], RATE_HZ, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def trained(name: str) -> str:
    """A group of that name that a split puts into training."""
    return next(f"{name}{n}" for n in range(100) if split_of(f"{name}{n}", "en", "") is Split.TRAIN)


@pytest.fixture
def planted() -> Any:
    """What the tests plant, by attribute: a package of its own would be a second conftest."""

    class Planted:
        thing = staticmethod(lambda name, **facts: Thing(name=name, group=trained(name), **facts))
        drawing = staticmethod(drawing)
        melody = staticmethod(melody)

    return Planted


Packer = Callable[..., Snapshot]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(str(tmp_path / "root"))


@pytest.fixture
def packed(layout: Layout) -> Packer:
    def make(corpus: str, things: Sequence[Thing], *, per_shard: int = 1000) -> Snapshot:
        source = ListSource(things=tuple(things), corpus=corpus)
        config = PackingConfig(num_workers=1, samples_per_shard=per_shard, max_failure_rate=1.0)
        snapshot = pack(source, layout=layout, config=config).snapshot
        measure(layout, snapshot, num_workers=1, families=["fingerprints"])
        return snapshot

    return make


@pytest.fixture
def viewed(layout: Layout) -> Callable[[str, Snapshot], View]:
    """A view of everything but what the engine drops."""

    def make(name: str, snapshot: Snapshot) -> View:
        return open_view(layout, name, curate(layout, [snapshot], policy=ALL, view=name).digest)

    return make
