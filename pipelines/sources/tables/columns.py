"""Which column of a table means what: said by the user, else known by its usual name."""

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from pipelines.errors import SourceError
from pipelines.sources.stems import AUDIO_SUFFIXES

BASE64 = "base64:"

# Of img2dataset, LAION, DataComp, WavCaps, AudioCaps, Common Voice, HF datasets; the first that is there counts.
_USUAL: Mapping[str, tuple[str, ...]] = {
    "image": ("image", "img", "jpg", "png", "webp", "image_path", "img_path", "image_url", "img_url", "image_bytes"),
    "audio": ("audio", "flac", "wav", "mp3", "audio_path", "audio_url", "audio_bytes", "download_link"),
    "text": (
        "caption", "text", "sentence", "transcript", "transcription", "description", "alt_text", "alt", "captions",
        "title", "txt",
    ),
    "language": ("language", "lang", "locale"),
    "license": ("license", "licence"),
    "name": ("uid", "sample_id", "id", "audiocap_id", "__key__"),
    "group": ("group", "group_id"),
    "url": ("url", "page_url", "source_url", "href"),
    "tags": ("tags", "labels", "label", "tag", "keywords", "category"),
    "voice": ("voice", "speaker", "speaker_id", "client_id"),
    "face_bboxes": ("face_bboxes",),
}  # fmt: skip
_MEDIUM_OF_EITHER_KIND = ("url", "path", "file_name", "filename", "file", "filepath", "file_path", "link")
_OTHER_SPELLINGS = {"licence": "license", "uid": "name", "caption": "text", "captions": "text", "speaker": "voice"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """A column for each meaning; "" where there is none."""

    image: str = ""
    audio: str = ""
    """Of paths, URLs or bytes, as `image`; `base64:COLUMN` for bytes that are written as text."""
    text: tuple[str, ...] = ()
    """Captions in the row's language, the primary one first; a column may hold a list."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Language -> column of captions in it."""
    language: str = ""
    license: str = ""
    name: str = ""
    group: str = ""
    url: str = ""
    tags: str = ""
    voice: str = ""
    face_bboxes: str = ""

    def __str__(self) -> str:
        return " ".join(f"{meaning}={column}" for meaning, column in self.pairs())

    def pairs(self) -> Iterator[tuple[str, str]]:
        """(meaning, column) of everything that is mapped."""
        for meaning in (one.name for one in fields(self)):
            value = getattr(self, meaning)
            if isinstance(value, str) and value:
                yield meaning, value
            elif isinstance(value, tuple):
                yield from ((meaning, column) for column in value)
            elif isinstance(value, Mapping):
                yield from ((f"text.{language}", column) for language, column in sorted(value.items()))

    def media(self) -> tuple[tuple[str, str], ...]:
        """(image or audio, column) of those that are mapped, without the mark of base64."""
        pairs = (("image", self.image), ("audio", self.audio))
        return tuple((kind, column.removeprefix(BASE64)) for kind, column in pairs if column)

    def addresses(self) -> tuple[tuple[str, str], ...]:
        """As `media`, only those whose texts are paths and URLs."""
        pairs = (("image", self.image), ("audio", self.audio))
        return tuple((kind, column) for kind, column in pairs if column and not column.startswith(BASE64))

    def names(self) -> list[str]:
        """Every mapped column, each once."""
        return list(dict.fromkeys(column.removeprefix(BASE64) for _, column in self.pairs()))


def columns_from(mapping: Mapping[str, object], *, what: str) -> Columns:
    """As a catalog or `--column` writes it: `image = "url"`, `text = ["title", "alt"]`, `"text.fr" = "legende"`."""
    known = [one.name for one in fields(Columns) if one.name != "texts"]
    found: dict[str, object] = {}
    texts: dict[str, str] = {}
    for key, value in mapping.items():
        base, _, language = key.partition(".")
        meaning = _OTHER_SPELLINGS.get(base, base)
        values = [value] if isinstance(value, str) else value
        if meaning not in known or (language and meaning != "text"):
            close = difflib.get_close_matches(base, [*known, *_OTHER_SPELLINGS], n=1)
            hint = f"Did you mean {close[0]}? " if close else ""
            raise SourceError(
                f"{what}: columns: unknown {key!r}. {hint}Known are {', '.join(known)} and text.LANGUAGE."
            )
        if (
            not isinstance(values, list | tuple)
            or not values
            or not all(isinstance(one, str) and one for one in values)
        ):
            raise SourceError(f"{what}: columns: {key} = {value!r}. Expected the name of a column.")
        if len(values) > 1 and (meaning != "text" or language):
            raise SourceError(f"{what}: columns: {key} = {value!r}. Only text takes several columns.")
        if language:
            texts[language] = values[0]
        else:
            found[meaning] = tuple(values) if meaning == "text" else values[0]
    return Columns(texts=texts, **found)  # type: ignore[arg-type]  # just checked


def complete(columns: Columns, there: Sequence[str], *, first_row: Mapping[str, object], what: str) -> Columns:
    """What the user said, checked against the columns that are there; what he left out, by its usual name."""
    check(columns, there, what=what)
    by_name = {name.casefold(): name for name in reversed(there)}
    taken = set(columns.names())
    if not columns.media():
        image, audio = _media(by_name, first_row, taken)
        columns = replace(columns, image=image, audio=audio)
    taken |= set(columns.names())
    for meaning, usual in _USUAL.items():
        if meaning in {"image", "audio"} or getattr(columns, meaning) or (meaning == "text" and columns.texts):
            continue
        if column := _first(usual, by_name, taken):
            change: dict[str, Any] = {meaning: (column,) if meaning == "text" else column}
            columns = replace(columns, **change)
            taken.add(column)
    if not (columns.media() or columns.text or columns.texts):
        raise SourceError(
            f"{what}: none of its columns is known to hold images, clips or captions. It has {', '.join(there)}. "
            "Say which: --column image=COLUMN, or [NAME.columns] in the catalog."
        )
    return columns


def check(columns: Columns, there: Collection[str], *, what: str) -> None:
    """`SourceError` names the first mapped column that is not there."""
    for meaning, written in columns.pairs():
        column = written.removeprefix(BASE64)
        if column not in there:
            close = difflib.get_close_matches(column, list(there), n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise SourceError(f"{what}: no column {column!r} ({meaning}).{hint} It has {', '.join(there)}.")


def _media(by_name: Mapping[str, str], first_row: Mapping[str, object], taken: set[str]) -> tuple[str, str]:
    image, audio = (_first(_USUAL[kind], by_name, taken) for kind in ("image", "audio"))
    either = _first(_MEDIUM_OF_EITHER_KIND, by_name, taken)
    if image or audio or not either:
        return image, audio
    value = str(first_row.get(either, "")).partition("?")[0].lower()
    return ("", either) if value.endswith(AUDIO_SUFFIXES) else (either, "")


def _first(usual: Sequence[str], by_name: Mapping[str, str], taken: Collection[str]) -> str:
    return next((by_name[name] for name in usual if name in by_name and by_name[name] not in taken), "")
