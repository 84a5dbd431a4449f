"""From a record to what is stored of it: members in name order, and its sidecar row."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.errors import SampleError
from pipelines.samples import Record, Reference, canonical_json, sha256, uid_of
from pipelines.shards.media import StoredAudio, StoredImage, store_audio, store_image
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


def prepare(record: Record, *, corpus: str) -> Prepared:
    """Check and convert one record; `SampleError` where it may not enter a shard."""
    if not record.modalities:
        raise SampleError(f"{record.reference.name}: no image, no clip and no caption.", status="refused")
    _check_texts(record)
    uid = uid_of(record, corpus=corpus)
    image = store_image(record.image) if record.image is not None else None
    audio = store_audio(record.audio) if record.audio is not None else None
    members = _members(record, uid, image, audio)
    return Prepared(
        uid=uid,
        members=members,
        row={**_identity(record, uid), **_media_columns(record, image, audio)},
        modalities="+".join(record.modalities),
    )


def failed_row(reference: Reference, error: SampleError) -> dict[str, object]:
    """The row of a reference that did not become a sample: what and why, no uid."""
    return {
        "reference": printable(reference.name),
        "source_row": reference.row,
        "group": printable(reference.group),
        "status": error.status,
        "error_message": printable(str(error))[:1000],
    }


def printable(text: str) -> str:
    """Text that fits UTF-8: lone surrogates become escapes."""
    return text.encode(errors="backslashreplace").decode()


def _check_texts(record: Record) -> None:
    """UTF-8 without NUL and of a sane size, or no foreign reader can be promised the sample."""
    words = (record.language, record.voice, record.license, record.source, record.url, record.reference.group)
    for text in (*record.texts.keys(), *record.texts.values(), *words, *record.tags, record.reference.name):
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
            "text": [caption] if caption else [],
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
            "original_data": {name: printable(value) for name, value in record.original_data.items()},
        }
    )


def _identity(record: Record, uid: str) -> dict[str, object]:
    return {
        "uid": uid,
        "key": uid,
        "reference": record.reference.name,
        "source_row": record.reference.row,
        "group": record.reference.group,
        "caption": record.caption or None,
        "language": record.language,
        "texts": sorted(record.texts.items()),
        "voice": record.voice or None,
        "tags": list(record.tags),
        "url": record.url or None,
        "license": record.license,
        "source": record.source,
        "status": SUCCESS,
    }


def _media_columns(record: Record, image: StoredImage | None, audio: StoredAudio | None) -> dict[str, object]:
    """`sha256` is of the bytes as they came, `sha256_stored` of those in the tar: of the image, else of the clip."""
    columns: dict[str, object] = {}
    if audio is not None and record.audio is not None:
        stored = sha256(audio.data)
        columns |= {
            "duration_seconds": audio.duration_seconds,
            "sample_rate_hz": audio.sample_rate_hz,
            "audio_extension": audio.extension,
            "audio_sha256": stored,
            "sha256": sha256(record.audio),
            "sha256_stored": stored,
        }
    if image is not None and record.image is not None:
        stored = sha256(image.data)
        columns |= {
            "width": image.width,
            "height": image.height,
            "original_width": image.width,
            "original_height": image.height,
            "exif": image.exif,
            "image_extension": image.extension,
            "image_sha256": stored,
            "sha256": sha256(record.image),
            "sha256_stored": stored,
        }
    return columns
