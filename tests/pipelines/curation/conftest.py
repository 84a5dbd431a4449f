import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import soundfile
from PIL import Image

from pipelines import storage
from pipelines.layout import Layout
from pipelines.samples import Record, Reference, Snapshot
from pipelines.shards.packing import PackingConfig, pack
from pipelines.shards.reading import read_shard
from pipelines.signals.decoding import decode_image
from pipelines.signals.fingerprints import hash_pictures
from pipelines.signals.schema import FAMILIES
from pipelines.sources.source import read_each


def picture(seed: int, *, shift: int = 0) -> bytes:
    """Random blocks; the same seed gives the same picture, `shift` brightens it without changing its structure."""
    blocks = np.random.default_rng(seed).integers(40, 200, size=(4, 4, 3))
    pixels = np.kron(blocks, np.ones((16, 16, 1), dtype=int)) + shift
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def clip(seed: int) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.random.default_rng(seed).uniform(-0.5, 0.5, 1600), 16000, format="FLAC")
    return buffer.getvalue()


@dataclass(frozen=True, kw_only=True)
class Thing:
    """One record to pack; a caption of None cannot be read."""

    name: str
    group: str = ""
    caption: str | None = "a thing"
    language: str = "en"
    image: bytes | None = None
    audio: bytes | None = None
    texts: Mapping[str, str] | None = None
    voice: str = ""
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class ListSource:
    things: tuple[Thing, ...]
    corpus: str = "things"
    snapshot: str = "one"
    settings: str = ""

    def references(self) -> Iterator[Reference]:
        for row, thing in enumerate(self.things):
            yield Reference(row=row, name=thing.name, group=thing.group or thing.name)

    def read(self, references):
        return read_each(self._record, references)

    def _record(self, reference: Reference) -> Record:
        thing = self.things[reference.row]
        if thing.caption is None:
            raise ValueError("cannot be read")
        texts = {thing.language: thing.caption} if thing.caption else {}
        return Record(
            reference=reference,
            language=thing.language,
            texts={**texts, **(thing.texts or {})},
            source="list",
            license="CC0-1.0",
            image=thing.image,
            image_extension="png" if thing.image else "",
            audio=thing.audio,
            audio_extension="flac" if thing.audio else "",
            voice=thing.voice,
            url=thing.url,
            tags=("tag",),
        )

    def facts(self) -> Mapping[str, str | int]:
        return {}


SIGNALS: dict[str, object] = {
    "is_blank": False, "symbol_share": 0.0, "words": 2, "repetition": 0.0, "has_url": False, "has_email": False,
    "has_phone": False, "loudness_lufs": -20.0, "clipping_share": 0.0,
}  # fmt: skip


def things(count: int = 12) -> list[Thing]:
    """Different things with a picture, a caption and a clip each."""
    return [
        Thing(name=f"thing {n}", caption=f"number {n}", image=picture(n), audio=clip(n), voice=f"v{n % 2}")
        for n in range(count)
    ]


@pytest.fixture
def made() -> type["Made"]:
    """What corpora are made of."""
    return Made


class Made:
    thing = Thing
    things = staticmethod(things)
    picture = staticmethod(picture)
    clip = staticmethod(clip)


Packer = Callable[..., tuple[Layout, Snapshot]]


@pytest.fixture
def corpus(tmp_path: Path) -> Packer:
    """Pack things and write plausible signals; `signals` changes some of them by the thing's name."""

    def make(
        things: list[Thing],
        signals: Mapping[str, Mapping[str, object]] | None = None,
        *,
        per_shard: int = 1000,
        name: str = "things",
    ) -> tuple[Layout, Snapshot]:
        layout = Layout(str(tmp_path / "root"))
        config = PackingConfig(num_workers=1, samples_per_shard=per_shard, max_failure_rate=1.0)
        report = pack(ListSource(things=tuple(things), corpus=name), layout=layout, config=config)
        for shard in range(report.num_shards):
            write_signals(layout, report.snapshot, shard, signals or {})
        return layout, report.snapshot

    return make


def write_signals(layout: Layout, snapshot: Snapshot, shard: int, changed: Mapping[str, Mapping[str, object]]) -> None:
    samples = list(read_shard(layout, snapshot, shard))
    for family in FAMILIES.values():
        rows = []
        for sample in samples:
            row = {**SIGNALS, "characters": len(sample.text), **changed.get(str(sample.row["reference"]), {})}
            if sample.image is not None:
                row["image_phash"] = int(hash_pictures([decode_image(sample.image)])["image_phash"][0])
            rows.append({"uid": sample.uid, **{column.name: row.get(column.name) for column in family.columns}})
        table = pa.Table.from_pylist(rows, schema=family.arrow)
        storage.write_table(layout.signal(family.key, snapshot, shard), table)
