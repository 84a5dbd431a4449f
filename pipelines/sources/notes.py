"""The json beside a media file: untrusted, so each field is checked before it counts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipelines.errors import SampleError

_KNOWN = {"caption", "text", "language", "texts", "license", "url", "tags", "tag", "voice"}
_MAX_ORIGINAL_FIELDS = 64
_MAX_ORIGINAL_CHARACTERS = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Notes:
    """What a json sidecar says of its media; empty where it says nothing."""

    caption: str = ""
    language: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)
    license: str = ""
    url: str = ""
    tags: tuple[str, ...] = ()
    voice: str = ""
    original_data: Mapping[str, str] = field(default_factory=dict)


def parse_notes(data: bytes, *, name: str) -> Notes:
    """Notes from a json object; `SampleError` where it is none, or a field has another type than it should."""
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise SampleError(f"{name}: not JSON ({error}). Mend or remove it.") from error
    if not isinstance(fields, dict):
        raise SampleError(f"{name}: a JSON {type(fields).__name__}, expected an object of fields.")
    texts = fields.get("texts") or {}
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise SampleError(f"{name}: `texts` must map a language to a text.")
    return Notes(
        caption=_text(fields, "caption", name) or _first_text(fields, name),
        language=_text(fields, "language", name),
        texts=texts,
        license=_text(fields, "license", name),
        url=_text(fields, "url", name),
        tags=_tags(fields, name),
        voice=_text(fields, "voice", name),
        original_data=_others(fields),
    )


def _text(fields: Mapping[str, object], field_name: str, name: str) -> str:
    value = fields.get(field_name)
    if value is not None and not isinstance(value, str):
        raise SampleError(f"{name}: `{field_name}` is a {type(value).__name__}, expected a text.")
    return value or ""


def _first_text(fields: Mapping[str, object], name: str) -> str:
    """LAION-CLAP writes `text` as a list of captions of which any will do."""
    value = fields.get("text")
    return (
        _text({"text": value[0] if value else None}, "text", name)
        if isinstance(value, list)
        else _text(fields, "text", name)
    )


def _tags(fields: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = fields.get("tags") or fields.get("tag") or []
    tags = [value] if isinstance(value, str) else value
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise SampleError(f"{name}: `tags` must be a list of texts.")
    return tuple(tags)


def _others(fields: Mapping[str, object]) -> dict[str, str]:
    scalars = {
        name: str(value)[:_MAX_ORIGINAL_CHARACTERS]
        for name, value in fields.items()
        if name not in _KNOWN and isinstance(value, str | int | float)
    }
    return dict(sorted(scalars.items())[:_MAX_ORIGINAL_FIELDS])
