"""Two small corpora to hand to others: one where every sample is whole, one where most lack something."""

import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from pipelines.errors import SampleError
from pipelines.layout import Layout
from pipelines.samples import Record, Reference, Snapshot, identify
from pipelines.shards.packing import PackingConfig, pack
from tests.conftest import flac, png

CAPTIONS = {
    "en": 'A red tile, "quoted" & <marked>',
    "fr": "Un carreau déjà vu : l'œuvre",
    "de": "Eine grüne Straße",
    "ja": "青い猫が窓辺で眠っている。",
    "ar": "قطة \u200fسوداء",
    "hi": "एक पीला आम",
    "ru": "Ёлка и снег\nна двух строках",
    "und": "🙂👩‍🚀 \U0001f1eb\U0001f1f7",
}
_PARTS = ("ita", "it", "ta", "iat", "ia", "i", "a", "t")
"""Image, text, audio; what one record after the other has."""
_FORMATS = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP"}


def picture(seed: int, extension: str) -> bytes:
    """A drawing that no other seed has."""
    if extension == "png":
        return png(seed)
    buffer = io.BytesIO()
    Image.open(io.BytesIO(png(seed))).save(buffer, _FORMATS[extension], quality=90)
    return buffer.getvalue()


@dataclass(frozen=True, kw_only=True, slots=True)
class SmallSource:
    """Records made from their row; the last `num_texts` are texts alone, so that a shard without media is there."""

    corpus: str
    num_records: int
    parts: tuple[str, ...]
    num_texts: int = 0
    extensions: tuple[str, ...] = ("jpg",)
    snapshot: str = "v1"
    settings: str = ""

    def references(self) -> Iterator[Reference]:
        for row in range(self.num_records):
            yield Reference(row=row, name=f"things/{row:04d}", group=f"thing-{row // 2}")

    def read(self, references: Iterable[Reference]) -> Iterator[Record | SampleError]:
        return map(self.record, references)

    def record(self, reference: Reference) -> Record:
        row = reference.row
        alone = row >= self.num_records - self.num_texts
        parts = "t" if alone else self.parts[row % len(self.parts)]
        language = list(CAPTIONS)[row % len(CAPTIONS)]
        texts = {language: f"{CAPTIONS[language]} {row}", "eo": f"kahelo {row}"} if "t" in parts else {}
        extension = self.extensions[row % len(self.extensions)]
        return Record(
            reference=reference,
            language=language,
            texts=texts,
            source=self.corpus,
            license="CC0-1.0" if row % 3 else "CC-BY-4.0",
            url=f"https://example.org/{row}" if row % 2 else "",
            image=picture(row, extension) if "i" in parts else None,
            image_extension=extension if "i" in parts else "",
            audio=flac(row, 0.1) if "a" in parts else None,
            audio_extension="flac" if "a" in parts else "",
            voice="tone" if row % 4 else "",
            captions=(f"another {row}", "a third") if row % 4 == 1 and "t" in parts else (),
            face_bboxes=((0.25, 0.25, 0.5, 0.75),) if row % 8 == 0 and "i" in parts else None,
            tags=("tile",) if row % 5 else (),
            original_data={f"field_{row % 3}": str(row)},
        )

    def facts(self) -> Mapping[str, str | int]:
        return {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Packed:
    """A corpus in shards, and what a reader has to find there."""

    root: Path
    layout: Layout
    snapshot: Snapshot
    shards: tuple[Path, ...]
    samples: tuple[dict[str, str], ...]
    """In the order of the shards: `__key__`, sha256 of `jpg png webp flac` where there is one, the text of `txt`."""

    def having(self, *parts: str) -> list[dict[str, str]]:
        """Samples that have a picture where `image` is asked for, and the named members."""
        return [one for one in self.samples if all(_has(one, part) for part in parts)]


def _has(sample: dict[str, str], part: str) -> bool:
    return any(extension in sample for extension in (_FORMATS if part == "image" else (part,)))


def pack_small(source: SmallSource, root: Path, *, samples_per_shard: int) -> Packed:
    """Pack a source; what is expected of it is taken from its records, not from the shards."""
    layout = Layout(str(root))
    report = pack(source, layout=layout, config=PackingConfig(samples_per_shard=samples_per_shard, num_workers=1))
    assert report.num_samples == source.num_records
    return Packed(
        root=root,
        layout=layout,
        snapshot=report.snapshot,
        shards=tuple(Path(layout.tar(report.snapshot, shard)) for shard in range(report.num_shards)),
        samples=tuple(_expected(source.record(reference), source.corpus) for reference in source.references()),
    )


def _expected(record: Record, corpus: str) -> dict[str, str]:
    media = ((record.image_extension, record.image), (record.audio_extension, record.audio))
    found = {extension: hashlib.sha256(data).hexdigest() for extension, data in media if data is not None}
    text = {"txt": record.caption} if record.caption else {}
    return {"__key__": identify(record, corpus=corpus).uid} | found | text


def mixed_source() -> SmallSource:
    """Sixty records, of which eight in forty-eight have all three parts in four combinations; twelve texts alone."""
    return SmallSource(
        corpus="mixed", num_records=60, parts=_PARTS, num_texts=12, extensions=("jpg", "png", "jpg", "webp", "png")
    )


def whole_source() -> SmallSource:
    """Thirty records with a JPEG, a clip and a caption each."""
    return SmallSource(corpus="whole", num_records=30, parts=("ita",))


def members_of(packed: Packed) -> list[dict[str, bytes]]:
    """Extension -> bytes of every sample, made anew from the records."""
    source = {"mixed": mixed_source, "whole": whole_source}[packed.snapshot.corpus]()
    return [_members(source.record(reference)) for reference in source.references()]


def _members(record: Record) -> dict[str, bytes]:
    media = ((record.image_extension, record.image), (record.audio_extension, record.audio))
    members = {extension: data for extension, data in media if data is not None}
    return members | ({"txt": record.caption.encode()} if record.caption else {})
