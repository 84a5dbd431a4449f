"""The families of signals and their versions: what measures is held to them, and the page is made from them."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from pipelines.errors import SignalError
from pipelines.samples import Modality
from pipelines.signals import columns
from pipelines.signals.columns import Column


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """A versioned function from decoded samples to columns; another formula is another version."""

    name: str
    version: int
    modality: Modality | None
    """The modality whose absence makes every column null; None where each column has its own."""
    columns: tuple[Column, ...]

    @property
    def key(self) -> str:
        """The folder's name, e.g. `image@1`."""
        return f"{self.name}@{self.version}"

    @property
    def arrow(self) -> pa.Schema:
        """The schema of its files: uid, then the columns."""
        fields = [pa.field(column.name, column.type) for column in self.columns]
        return pa.schema([pa.field("uid", pa.string(), nullable=False), *fields])


FAMILIES: Mapping[str, Family] = {
    "image": Family(name="image", version=2, modality=Modality.IMAGE, columns=columns.IMAGE),
    "text": Family(name="text", version=2, modality=Modality.TEXT, columns=columns.TEXT),
    "audio": Family(name="audio", version=1, modality=Modality.AUDIO, columns=columns.AUDIO),
    "fingerprints": Family(name="fingerprints", version=2, modality=None, columns=columns.FINGERPRINTS),
}
"""What `measure` gives by default, without a model."""

ON_REQUEST: Mapping[str, Family] = {
    "safety": Family(name="safety", version=1, modality=Modality.IMAGE, columns=columns.SAFETY),
    "speech": Family(name="speech", version=1, modality=Modality.AUDIO, columns=columns.SPEECH),
    "speech_quality": Family(name="speech_quality", version=1, modality=Modality.AUDIO, columns=columns.SPEECH_QUALITY),
}
"""Measured only where it is named: it needs the extra of the same name."""

KNOWN_FAMILIES: Mapping[str, Family] = {**FAMILIES, **ON_REQUEST}

RELATIVE: Mapping[str, Family] = {
    "entries": Family(name="entries", version=1, modality=None, columns=columns.ENTRIES),
    "synsets": Family(name="synsets", version=1, modality=None, columns=columns.SYNSETS),
    "centroids": Family(name="centroids", version=1, modality=None, columns=columns.CENTROIDS),
    "targets": Family(name="targets", version=1, modality=None, columns=columns.TARGETS),
    "batches": Family(name="batches", version=1, modality=None, columns=columns.BATCHES),
    "masked": Family(name="masked", version=1, modality=None, columns=columns.MASKED),
}
"""What a sample is to something that a user names. The key carries the digest of that, e.g. `entries@0123456789ab`;
the version of the formula is in the digest."""


def alignment_family(encoder_digest: str) -> tuple[str, pa.Schema]:
    """The key (`alignment@<12 digits>`) and schema of the scores given by one model."""
    fields = [pa.field(column.name, column.type) for column in columns.ALIGNMENT]
    return f"alignment@{encoder_digest[:12]}", pa.schema([pa.field("uid", pa.string(), nullable=False), *fields])


_VECTOR = pa.list_(pa.float16())  # of fixed size, but Arrow cannot read fixed lists with nulls back (arrow#35692)
EMBEDDINGS = pa.schema(
    [
        pa.field("uid", pa.string(), nullable=False),
        pa.field("image_vector", _VECTOR),
        pa.field("text_vector", _VECTOR),
        pa.field("audio_vector", _VECTOR),
        pa.field("english_vector", _VECTOR),
        pa.field("scoring_fold", pa.int8()),
    ]
)
"""Unit vectors of what a sample has; `english_vector` is of an English text beside a caption in another language."""


def embeddings_key(encoder_digest: str) -> str:
    """`embeddings@<12 digits>`: the vectors of one model."""
    return f"embeddings@{encoder_digest[:12]}"


def family_of(name: str) -> Family:
    """By name or by key; SignalError where there is no such family or version."""
    for family in KNOWN_FAMILIES.values():
        if name in (family.name, family.key):
            return family
    raise SignalError(f"signal family {name!r}: not known. Choose from {', '.join(KNOWN_FAMILIES)}.")


def signals_page() -> str:
    """Every column as Markdown, one table per family."""
    sections = [_section(family.key, family.columns) for family in KNOWN_FAMILIES.values()]
    sections += [_section("alignment@MODEL", columns.ALIGNMENT)]
    return "\n".join([*sections, *(_section(f"{name}@DIGEST", family.columns) for name, family in RELATIVE.items())])


def _section(title: str, listed: tuple[Column, ...]) -> str:
    head = f"### {title}\n\n| column | type | unit | range | meaning | source |\n|---|---|---|---|---|---|\n"
    cells = ((f"`{c.name}`", str(c.type), c.unit, c.range_text, c.meaning, c.source) for c in listed)
    return head + "".join(f"| {' | '.join(row)} |\n" for row in cells)
