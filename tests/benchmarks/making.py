"""What the bench runs on, made from seeds: photographs, drawings with clips, and a table of measured samples."""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import soundfile
from PIL import Image, ImageDraw

from pipelines.errors import SampleError
from pipelines.layout import Layout
from pipelines.samples import Record, Reference, Snapshot
from pipelines.shards.building import ShardTask, build_shard
from pipelines.shards.media import ORIGINAL, MediaProfile
from pipelines.shards.planning import Limits, make_plan, write_plan

RATE_HZ = 16_000
_NOUNS = ("bridge", "lantern", "river", "violin", "market", "bicycle", "orchard", "harbour", "kettle", "mountain")
_ADJECTIVES = ("red", "quiet", "broken", "tall", "wooden", "bright", "empty", "old", "frozen", "crowded")


def photograph(seed: int) -> bytes:
    """JPEG of about 36 KB, 512 x 384: soft shapes under grain."""
    rng = np.random.default_rng(seed)
    shapes = Image.fromarray(rng.integers(0, 256, (36, 48, 3), dtype=np.uint8))
    smooth = np.asarray(shapes.resize((512, 384), Image.Resampling.BICUBIC)).astype(np.int16)
    pixels = np.clip(smooth + rng.integers(-4, 5, (384, 512, 1)), 0, 255).astype(np.uint8)
    return _saved(Image.fromarray(pixels), "JPEG", quality=74)


def drawing(seed: int, side: int = 128) -> bytes:
    """PNG like an emoji: some flat, outlined shapes with smooth edges on white."""
    rng = np.random.default_rng(seed)
    final, side = side, 4 * side
    image = Image.new("RGB", (side, side), "white")
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        x, y, width, height = (int(value) for value in rng.integers(side // 12, side // 2, 4))
        colour = tuple(int(value) for value in rng.integers(0, 256, 3))
        shape = draw.ellipse if rng.random() < 0.6 else draw.rectangle
        shape((x, y, x + width, y + height), fill=colour, outline="black", width=8)
    return _saved(image.resize((final, final), Image.Resampling.BOX), "PNG")


def clip(seed: int, seconds: float = 1.0) -> bytes:
    """FLAC, 16 kHz, mono: a voiced sound with pauses, under some noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(RATE_HZ * seconds)) / RATE_HZ
    pitch = rng.uniform(90, 250)
    voice = sum(np.sin(2 * np.pi * pitch * k * t + rng.uniform(0, 6)) / k for k in range(1, 16))
    syllables = np.clip(np.sin(2 * np.pi * rng.uniform(2, 5) * t), 0, None)
    buffer = io.BytesIO()
    soundfile.write(buffer, 0.2 * voice * syllables + 0.002 * rng.standard_normal(len(t)), RATE_HZ, format="FLAC")
    return buffer.getvalue()


def caption(seed: int) -> str:
    """A short text that no other seed has."""
    return f"{_ADJECTIVES[seed % 10]} {_NOUNS[seed // 10 % 10]} number {seed}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Records:
    """A source whose records are in memory already: reading one costs nothing."""

    records: tuple[Record, ...]
    corpus: str = "bench"
    snapshot: str = "one"
    settings: str = ""

    def references(self) -> Iterator[Reference]:
        return (record.reference for record in self.records)

    def read(self, references: Iterable[Reference]) -> Iterator[Record | SampleError]:
        return (self.records[reference.row] for reference in references)

    def facts(self) -> Mapping[str, str | int]:
        return {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Endless:
    """A few photographs under ever new names, made as they are read."""

    num_bytes: int
    corpus: str = "endless"
    snapshot: str = "one"
    settings: str = ""

    def references(self) -> Iterator[Reference]:
        size = len(_few()[0])
        return (
            Reference(row=row, name=str(row), group=str(row), num_bytes=size) for row in range(self.num_bytes // size)
        )

    def read(self, references: Iterable[Reference]) -> Iterator[Record | SampleError]:
        return (_record(one.row, image=bytes(bytearray(_few()[one.row % 8])), extension="jpg") for one in references)

    def facts(self) -> Mapping[str, str | int]:
        return {}


@lru_cache
def _few() -> list[bytes]:
    return [photograph(seed) for seed in range(8)]


def photographs(count: int) -> Records:
    """Image and text."""
    return Records(records=tuple(_record(seed, image=photograph(seed), extension="jpg") for seed in range(count)))


def drawings_with_clips(count: int) -> Records:
    """Image, text and audio, all of them different."""
    return Records(
        records=tuple(
            _record(seed, image=drawing(seed), extension="png", audio=clip(seed), voice=f"voice {seed % 8}")
            for seed in range(count)
        )
    )


def shard_task(source: Records, layout: Layout, profile: MediaProfile = ORIGINAL) -> ShardTask:
    """The whole source as shard 0 of a planned snapshot: what the packer hands to a worker."""
    snapshot = Snapshot(corpus=source.corpus, snapshot=source.snapshot)
    references = tuple(source.references())
    limits = Limits(samples_per_shard=len(references))
    write_plan(layout, make_plan(snapshot, references, limits=limits, facts=source.facts()))
    return ShardTask(
        layout=layout,
        snapshot=snapshot,
        shard=0,
        source=source,
        references=references,
        repeated=frozenset(),
        max_consecutive_failures=1,
        profile=profile,
    )


def packed(make: Callable[[int], Records], count: int, layout: Layout) -> Snapshot:
    """One shard of `count` samples."""
    task = shard_task(make(count), layout)
    stats = build_shard(task)
    assert stats["successes"] == count, f"{stats['status_dict']}: the bench's own samples are to be good"
    return task.snapshot


def _record(seed: int, *, image: bytes, extension: str, audio: bytes | None = None, voice: str = "") -> Record:
    text = caption(seed)
    return Record(
        reference=Reference(row=seed, name=f"thing/{seed:06d}", group=f"thing {seed}"),
        language="en",
        texts={"en": text},
        source="bench",
        license="CC0-1.0",
        image=image,
        image_extension=extension,
        audio=audio,
        audio_extension="flac" if audio else "",
        voice=voice,
        tags=(_NOUNS[seed // 10 % 10],),
    )


def _saved(image: Image.Image, kind: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
