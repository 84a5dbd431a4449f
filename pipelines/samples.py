"""What flows through the data engine: references (cheap), records (read), samples (packed), and their identity."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pipelines.errors import SourceError

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")


class Modality(StrEnum):
    """What a sample may consist of, in the order of a sample's parts."""

    IMAGE = "image"
    TEXT = "text"
    AUDIO = "audio"


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """One corpus at one moment: the partition of everything on the data side."""

    corpus: str
    snapshot: str

    def __post_init__(self) -> None:
        for label, name in (("corpus", self.corpus), ("snapshot", self.snapshot)):
            if not _NAME.fullmatch(name):
                raise SourceError(
                    f"{label} {name!r}: not a name. Use 1 to 64 of a-z 0-9 _ - . and start with a letter or digit."
                )

    def __str__(self) -> str:
        return f"{self.corpus}/{self.snapshot}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """Where one record of a source is; listing references reads no media."""

    row: int
    """Position in the source's stable order."""
    name: str
    """Stable name inside the source (relative path, code points with voice); part of the uid."""
    group: str
    """The thing it shows or says: the unit of splitting, shared by several clips of one thing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One reference, read: at most one image, one clip, any number of texts by language."""

    reference: Reference
    language: str
    """Language (BCP 47) of the primary caption and of the speech; "und" where nobody said."""
    texts: Mapping[str, str]
    """Language -> text; holds `language` where there is a caption."""
    source: str
    license: str
    url: str = ""
    image: bytes | None = None
    image_extension: str = ""
    audio: bytes | None = None
    audio_extension: str = ""
    voice: str = ""
    """Speaker or synthetic voice; empty where nobody said."""
    tags: tuple[str, ...] = ()
    original_data: Mapping[str, str] = field(default_factory=dict)

    @property
    def caption(self) -> str:
        return self.texts.get(self.language, "")

    @property
    def modalities(self) -> tuple[Modality, ...]:
        present = (self.image is not None, bool(self.caption), self.audio is not None)
        return tuple(modality for modality, there in zip(Modality, present, strict=True) if there)


def sha256(data: bytes) -> str:
    """64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def canonical_json(value: object) -> bytes:
    """Equal values give equal bytes: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest_of(value: object) -> str:
    """sha256 (64 hex digits) of a JSON-able value."""
    return sha256(canonical_json(value))


def uid_of(record: Record, *, corpus: str) -> str:
    """32 hex digits from content and source reference: the tar key, the join key, stable across re-packing."""
    identity = {
        "corpus": corpus,
        "name": record.reference.name,
        "image": sha256(record.image) if record.image is not None else None,
        "audio": sha256(record.audio) if record.audio is not None else None,
        "texts": dict(record.texts),
    }
    return digest_of(identity)[:32]
