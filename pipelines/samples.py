"""What flows through the data engine: references (cheap), records (read), samples (packed), and their identity."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import product

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
    num_bytes: int = 0
    """Of its media as far as the listing knows, for planning by bytes; 0 where it does not."""
    version: str = ""
    """Another value where the listing sees that the content behind the name changed (size and time, etag, digest);
    part of plans, not of the uid."""
    locator: tuple[str | int, ...] = ()
    """The reader's own way back to it, such as file, row group, offset."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Download:
    """What became of one URL: a row of the ledger."""

    url: str
    outcome: str
    """`fetched`, else why not: a value of `pipelines.sources.downloading.Outcome`."""
    final_url: str = ""
    """After redirects."""
    http_status: int | None = None
    etag: str = ""
    last_modified: str = ""
    content_type: str = ""
    consent: str = "allowed"
    """`allowed`, or what forbids it: `robots`, `x-robots-tag: noai`."""
    num_attempts: int = 0
    """Requests for the URL itself."""
    num_bytes: int = 0
    seen_at: float = 0.0
    """Unix time of the last answer, seconds."""
    error: str = ""


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
    captions: tuple[str, ...] = ()
    """Further captions in `language`, after the primary one."""
    face_bboxes: tuple[tuple[float, float, float, float], ...] | None = None
    """Of faces in the image: left, top, right, bottom in [0, 1]; none where nobody looked."""
    original_data: Mapping[str, str] = field(default_factory=dict)
    downloads: tuple[Download, ...] = ()
    """One for every URL that was asked for it."""

    @property
    def caption(self) -> str:
        return self.texts.get(self.language, "")

    @property
    def modalities(self) -> tuple[Modality, ...]:
        return _PRESENT[self.image is not None, bool(self.caption), self.audio is not None]


_PRESENT = {
    present: tuple(modality for modality, there in zip(Modality, present, strict=True) if there)
    for present in product((False, True), repeat=3)
}


def sha256(data: bytes) -> str:
    """64 hex digits."""
    return hashlib.sha256(data).hexdigest()


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)  # made once: it is hot


def canonical_json(value: object) -> bytes:
    """Equal values give equal bytes: sorted keys, no spaces, UTF-8."""
    return _CANONICAL.encode(value).encode()


def digest_of(value: object) -> str:
    """sha256 (64 hex digits) of a JSON-able value."""
    return sha256(canonical_json(value))


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Who a record is; its media are digested once for all of it."""

    uid: str
    """32 hex digits from content and source reference: the tar key, the join key, stable across re-packing."""
    content_id: str
    """32 hex digits from media and texts alone: one content found in two sources has one id and two references."""
    image_sha256: str | None
    """Of the bytes as they came; none where there is no image."""
    audio_sha256: str | None


def identify(record: Record, *, corpus: str) -> Identity:
    """The ids of a record in a corpus; its texts hold no NUL."""
    image = sha256(record.image) if record.image is not None else None
    audio = sha256(record.audio) if record.audio is not None else None
    named = {"corpus": corpus, "name": record.reference.name}
    content: dict[str, object] = {"image": image, "audio": audio, "texts": dict(record.texts)}
    if record.captions:
        content["captions"] = list(record.captions)
    texts = (part for language in sorted(record.texts) for part in (language, record.texts[language]))
    return Identity(
        uid=digest_of({**named, **content})[:32],
        content_id=sha256("\0".join((image or "", audio or "", *texts, "", *record.captions)).encode())[:32],
        image_sha256=image,
        audio_sha256=audio,
    )


def uid_of(record: Record, *, corpus: str) -> str:
    """The uid alone."""
    return identify(record, corpus=corpus).uid
