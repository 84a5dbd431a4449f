"""From a record to what is stored of it: members in name order, and its sidecar row."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.errors import SampleError
from pipelines.samples import Download, Identity, Record, Reference, canonical_json, identify, sha256
from pipelines.shards.media import (
    ORIGINAL,
    MediaProfile,
    StoredAudio,
    StoredImage,
    store_audio,
    store_image,
    turned_boxes,
)
from pipelines.shards.sidecar import SUCCESS

MAX_TEXT_CHARACTERS = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """A sample ready to be written."""

    uid: str
    members: tuple[tuple[str, str, bytes], ...]
    """(part, extension, bytes) in the name order of the tar: flac, jpg or png or webp, json, txt."""
    row: Mapping[str, object]
    modalities: str
    """For counts, e.g. `image+text+audio`."""
    downloads: tuple[Download, ...] = ()


def prepare(record: Record, *, corpus: str, profile: MediaProfile = ORIGINAL) -> Prepared:
    """Check and convert one record; `SampleError` where it may not enter a shard."""
    if not record.modalities:
        raise SampleError(f"{record.reference.name}: no image, no clip and no caption.", status="refused")
    _check_texts(record)
    identity = identify(record, corpus=corpus)
    image = store_image(record.image, profile=profile) if record.image is not None else None
    audio = store_audio(record.audio, profile=profile) if record.audio is not None else None
    return Prepared(
        uid=identity.uid,
        members=_members(record, identity.uid, image, audio),
        row={**_identity(record, identity), **_media_columns(record, identity, image, audio)},
        modalities="+".join(record.modalities),
        downloads=record.downloads,
    )


def failed_row(reference: Reference, error: SampleError) -> dict[str, object]:
    """The row of a reference that did not become a sample: what and why, no uid."""
    return {
        "reference": printable(reference.name),
        "source_row": reference.row,
        "group": printable(reference.group),
        "status": error.status,
        "error_message": printable(str(error))[:1000],
        "transient": error.transient,
        "http_status": next((one.http_status for one in error.downloads if one.http_status), None),
    }


def printable(text: str) -> str:
    """Text that fits UTF-8: lone surrogates become escapes."""
    return text.encode(errors="backslashreplace").decode()


def _check_texts(record: Record) -> None:
    """UTF-8 without NUL and of a sane size, or no foreign reader can be promised the sample."""
    words = (record.language, record.voice, record.license, record.source, record.url, record.reference.group)
    texts = (*record.texts, *record.texts.values(), *record.captions, *words, *record.tags, record.reference.name)
    together = "".join(texts)
    if "\0" not in together and len(together) <= MAX_TEXT_CHARACTERS and together.isascii():
        return  # nearly all; the others are looked at one by one
    for text in texts:
        if "\0" in text:
            raise SampleError(f"text with a NUL character: {text[:40]!r}", status="refused")
        if len(text) > MAX_TEXT_CHARACTERS:
            raise SampleError(f"text of {len(text)} characters, at most {MAX_TEXT_CHARACTERS}", status="refused")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise SampleError(
                f"text is not UTF-8 (a lone surrogate at {error.start}): {text[:40]!r}", status="refused"
            ) from error


def _members(
    record: Record, uid: str, image: StoredImage | None, audio: StoredAudio | None
) -> tuple[tuple[str, str, bytes], ...]:
    members = [("json", "json", _json(record, uid, image, audio))]
    if image is not None:
        members.append(("image", image.extension, image.data))
    if audio is not None:
        members.append(("audio", audio.extension, audio.data))
    if record.caption:
        members.append(("text", "txt", record.caption.encode()))
    return tuple(sorted(members, key=lambda member: member[1]))


def _json(record: Record, uid: str, image: StoredImage | None, audio: StoredAudio | None) -> bytes:
    """One schema for every sample; `caption` and `text` both, so that image-text and audio-text readers agree."""
    caption = record.caption or None
    return canonical_json(
        {
            "uid": uid,
            "group": record.reference.group,
            "caption": caption,
            "text": [caption, *record.captions] if caption else [],
            "language": record.language,
            "texts": dict(record.texts),
            "voice": record.voice,
            "url": record.url,
            "license": record.license,
            "source": record.source,
            "width": image.width if image else None,
            "height": image.height if image else None,
            "duration_seconds": audio.duration_seconds if audio else None,
            "sample_rate_hz": audio.sample_rate_hz if audio else None,
            "tag": list(record.tags),
            "face_bboxes": _boxes(record, image),
            "original_data": {name: printable(value) for name, value in record.original_data.items()},
        }
    )


def _boxes(record: Record, image: StoredImage | None) -> list[list[float]] | None:
    """Where the faces are in the image as it is stored."""
    if record.face_bboxes is None or image is None:
        return None
    return [list(box) for box in turned_boxes(record.face_bboxes, image.applied_orientation)]


def _identity(record: Record, identity: Identity) -> dict[str, object]:
    return {
        "uid": identity.uid,
        "key": identity.uid,
        "content_id": identity.content_id,
        "reference": record.reference.name,
        "source_row": record.reference.row,
        "group": record.reference.group,
        "caption": record.caption or None,
        "captions": list(record.captions),
        "language": record.language,
        "texts": sorted(record.texts.items()),
        "voice": record.voice or None,
        "tags": list(record.tags),
        "url": record.url or None,
        "license": record.license,
        "source": record.source,
        "original_data": sorted((name, printable(value)) for name, value in record.original_data.items()),
        "status": SUCCESS,
        "transient": False,
        "http_status": next((one.http_status for one in record.downloads if one.http_status), None),
    }


def _media_columns(
    record: Record, identity: Identity, image: StoredImage | None, audio: StoredAudio | None
) -> dict[str, object]:
    """`sha256` is of the bytes as they came, `sha256_stored` of those in the tar: of the image, else of the clip."""
    columns: dict[str, object] = {}
    if audio is not None:
        stored = identity.audio_sha256 if audio.data is record.audio else sha256(audio.data)
        columns |= {
            "duration_seconds": audio.duration_seconds,
            "sample_rate_hz": audio.sample_rate_hz,
            "audio_extension": audio.extension,
            "audio_sha256": stored,
            "sha256": identity.audio_sha256,
            "sha256_stored": stored,
        }
    if image is not None:
        stored = identity.image_sha256 if image.data is record.image else sha256(image.data)
        columns |= {
            "width": image.width,
            "height": image.height,
            "original_width": image.original_width,
            "original_height": image.original_height,
            "exif": image.exif,
            "face_bboxes": _boxes(record, image),
            "image_extension": image.extension,
            "image_sha256": stored,
            "sha256": identity.image_sha256,
            "sha256_stored": stored,
        }
    return columns
