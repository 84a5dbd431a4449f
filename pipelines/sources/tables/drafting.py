"""A row's values into a record without its media."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipelines.errors import SampleError
from pipelines.samples import Record, Reference
from pipelines.sources.languages import UNDETERMINED
from pipelines.sources.notes import face_boxes, scalars, text_list
from pipelines.sources.tables.columns import BASE64, Columns
from pipelines.sources.tables.fetching import Draft
from pipelines.sources.tables.media import Medium, medium_of
from pipelines.sources.tables.naming import word

Values = Mapping[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class RowRules:
    """How the values of a row become a record."""

    corpus: str
    license: str
    columns: Columns
    languages: tuple[str, ...] = ()
    class_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Column -> names that its numbers stand for."""

    def draft(self, reference: Reference, values: Values, *, original: Values) -> Draft:
        """`SampleError` where a value has a type that its column must not have."""
        columns = self.columns
        language = word(values.get(columns.language)) if columns.language else ""
        language = language or (self.languages[0] if len(self.languages) == 1 else UNDETERMINED)
        caption, *others = self._captions(values) or [""]
        texts = {code: _text(values.get(column), column) for code, column in columns.texts.items()}
        texts |= {language: caption} if caption else {}
        texts = {code: text for code, text in sorted(texts.items()) if text}
        if language not in texts and texts and not (columns.language or columns.text):
            language = next((code for code in self.languages if code in texts), next(iter(texts)))
        media = tuple(self._media(values))
        record = Record(
            reference=reference,
            language=language,
            texts=texts,
            captions=tuple(others),
            source=self.corpus,
            license=(word(values.get(columns.license)) if columns.license else "") or self.license,
            url=self._url(values, media),
            voice=word(values.get(columns.voice)) if columns.voice else "",
            tags=self._tags(values),
            face_bboxes=_faces(values.get(columns.face_bboxes), columns.face_bboxes) if columns.face_bboxes else None,
            original_data=scalars({**self._others(values), **original}.items()),
        )
        return Draft(record, media)

    def _captions(self, values: Values) -> list[str]:
        captions: list[str] = []
        for column in self.columns.text:
            value = values.get(column)
            captions += text_list(value, what=column) if isinstance(value, list) else [_text(value, column)]
        return list(dict.fromkeys(caption for caption in captions if caption))

    def _media(self, values: Values) -> Sequence[Medium]:
        columns = self.columns
        pairs = (("image", columns.image), ("audio", columns.audio))
        media = (
            medium_of(kind, values.get(column.removeprefix(BASE64)), is_base64=column.startswith(BASE64))
            for kind, column in pairs
            if column
        )
        return [medium for medium in media if medium]

    def _url(self, values: Values, media: Sequence[Medium]) -> str:
        url = word(values.get(self.columns.url)) if self.columns.url else ""
        return url or next((medium.address for medium in media if medium.is_web), "")

    def _tags(self, values: Values) -> tuple[str, ...]:
        value = values.get(self.columns.tags) if self.columns.tags else None
        names = self.class_names.get(self.columns.tags)
        if names and isinstance(value, int | list):
            numbers = value if isinstance(value, list) else [value]
            return tuple(names[number] for number in numbers if isinstance(number, int) and 0 <= number < len(names))
        if isinstance(value, str):
            value = _json_list(value)
        return text_list(word(value) if isinstance(value, int | float) else value, what=self.columns.tags)

    def _others(self, values: Values) -> dict[str, object]:
        """Columns that mean nothing to us, and the names that numbers stand for."""
        mapped = set(self.columns.names())
        return {column: value for column, value in values.items() if column not in mapped}


def _text(value: object, column: str) -> str:
    if isinstance(value, dict | list | bytes):
        raise SampleError(f"{column}: a {type(value).__name__}, expected a text.")
    return word(value)


def _json_list(value: str) -> object:
    """A list where the text is one in JSON, as tables without types write it; else the text."""
    if not value.lstrip().startswith("["):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _faces(value: object, column: str) -> tuple[tuple[float, float, float, float], ...] | None:
    value = (_json_list(value) if value else None) if isinstance(value, str) else value
    return face_boxes(value, what=column)
