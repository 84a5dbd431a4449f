"""The json beside a media file: untrusted, so each field is checked before it counts."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pipelines.errors import SampleError
from pipelines.sources.boxes import ANNOTATIONS, annotations_text

_KNOWN = {
    "caption", "text", "language", "texts", "license", "licence", "url", "tags", "tag", "voice", "face_bboxes",
    "original_data", "annotations",
}  # fmt: skip
_MAX_ORIGINAL_FIELDS = 64
_MAX_ORIGINAL_CHARACTERS = 1000
_MAX_FACES = 1000

Boxes = tuple[tuple[float, float, float, float], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Notes:
    """What a json sidecar says of its media; empty where it says nothing."""

    caption: str = ""
    captions: tuple[str, ...] = ()
    """Further ones: LAION-CLAP writes `text` as a list of captions of which any will do."""
    language: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)
    license: str = ""
    url: str = ""
    tags: tuple[str, ...] = ()
    voice: str = ""
    face_bboxes: Boxes | None = None
    original_data: Mapping[str, str] = field(default_factory=dict)


def parse_notes(data: bytes, *, name: str) -> Notes:
    """Notes from a json object; `SampleError` where it is none, or a field has another type than it should."""
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise SampleError(f"{name}: not JSON ({error}). Mend or remove it.") from error
    if not isinstance(fields, dict):
        raise SampleError(f"{name}: a JSON {type(fields).__name__}, expected an object of fields.")
    fields = {**{key.lower(): fields[key] for key in fields if key.lower() in _KNOWN}, **fields}  # LAION's `TEXT`
    texts = fields.get("texts") or {}
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise SampleError(f"{name}: `texts` must map a language to a text.")
    original = fields.get("original_data")
    original = original if isinstance(original, dict) else {}
    caption, *captions = _captions(fields, name) or [""]
    return Notes(
        caption=caption,
        captions=tuple(captions),
        language=_text(fields, "language", name),
        texts=texts,
        license=_license(fields, name) or _license(original, name),
        url=_text(fields, "url", name),
        tags=text_list(fields.get("tags") or fields.get("tag"), what=f"{name}: `tags`"),
        voice=_text(fields, "voice", name),
        face_bboxes=face_boxes(fields.get("face_bboxes"), what=f"{name}: `face_bboxes`"),
        original_data=_original(fields, original, name),
    )


def _original(fields: Mapping[str, object], original: Mapping[str, object], name: str) -> dict[str, str]:
    """What has no field of its own, and the boxes, which are no scalar."""
    kept = scalars({**original, **{key: fields[key] for key in fields if key.lower() not in _KNOWN}}.items())
    boxes = fields.get(ANNOTATIONS, original.get(ANNOTATIONS))
    return kept if boxes is None else kept | {ANNOTATIONS: annotations_text(boxes, what=f"{name}: `annotations`")}


def _text(fields: Mapping[str, object], field_name: str, name: str) -> str:
    value = fields.get(field_name)
    if value is not None and not isinstance(value, str):
        raise SampleError(f"{name}: `{field_name}` is a {type(value).__name__}, expected a text.")
    return value or ""


def _license(fields: Mapping[str, object], name: str) -> str:
    return _text(fields, "license", name) or _text(fields, "licence", name)


def _captions(fields: Mapping[str, object], name: str) -> list[str]:
    """`caption` first, then `text`, which is a text or a list of them; each once."""
    value = fields.get("text")
    texts = text_list(value, what=f"{name}: `text`") if isinstance(value, list) else [_text(fields, "text", name)]
    return list(dict.fromkeys(text for text in (_text(fields, "caption", name), *texts) if text))


def text_list(value: object, *, what: str) -> tuple[str, ...]:
    """A list of texts, one text, or none."""
    values = [value] if isinstance(value, str) else value or []
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise SampleError(f"{what} must be a list of texts.")
    return tuple(one for one in values if one)


def face_boxes(value: object, *, what: str) -> Boxes | None:
    """Left, top, right, bottom in [0, 1] for each face; None where nobody looked."""
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > _MAX_FACES or not all(_is_box(box) for box in value):
        raise SampleError(f"{what} must be a list of at most {_MAX_FACES} boxes: four numbers in [0, 1] each.")
    return tuple((float(box[0]), float(box[1]), float(box[2]), float(box[3])) for box in value)


def _is_box(box: object) -> bool:
    return isinstance(box, list) and len(box) == 4 and all(isinstance(x, int | float) and 0 <= x <= 1 for x in box)


def scalars(fields: Iterable[tuple[str, object]]) -> dict[str, str]:
    """Texts and numbers as text, bounded in number and length, sorted by name."""
    kept = {
        str(name): str(value)[:_MAX_ORIGINAL_CHARACTERS]
        for name, value in fields
        if isinstance(value, str | int | float)
    }
    return dict(sorted(kept.items())[:_MAX_ORIGINAL_FIELDS])
