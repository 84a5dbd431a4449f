"""Tux Paint's stamps: pictures with captions in 78 languages, spoken descriptions in 14, and some sounds."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath

from pipelines.errors import SampleError, SourceError
from pipelines.samples import Record, Reference, digest_of
from pipelines.sources.debian import unpacked
from pipelines.sources.drawing import on_white, render_svg
from pipelines.sources.listing import walk
from pipelines.sources.source import read_each

EFFECT = "effect"
_BELOW = "usr/share/tuxpaint/stamps"
_REVISION = 1  # of what is made from the files: raise it with any change to pictures, clips or texts
_SVG_WIDTH_PIXELS = 256
_MAX_TEXT_BYTES = 1 << 20
_TURNED = re.compile(r"_(?:mirror_flip|mirror|flip)$")
_SPOKEN = re.compile(r"(?P<stem>.+)_desc(?:_(?P<language>[A-Za-z]{2,3}(?:[_@][A-Za-z]+)?))?")
_TEXT_LINE = re.compile(r"(?P<language>[A-Za-z]{2,3}(?:[_@][A-Za-z]+)?)\.utf8=(?P<text>.*)")
_SCRIPTS = {"latin": "Latn", "cyrillic": "Cyrl"}


def open_stamps(
    *, corpus: str, location: str, licence: str, cache: Path, exclude: tuple[str, ...] = ()
) -> "StampsSource":
    """The cached package, fetched where it is not there yet."""
    folder = unpacked(location, cache=cache)
    root = folder / _BELOW
    if not root.is_dir():
        raise SourceError(f"{folder}: holds no {_BELOW}. Remove it and try again: it is fetched anew.")
    return StampsSource(
        corpus=corpus,
        snapshot=f"{folder.name[:50]}-{digest_of([list(exclude), _REVISION])[:6]}",
        root=root,
        license=licence,
        exclude=exclude,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Stamp:
    """The files of one stem; names are relative to the root."""

    pictures: list[str] = field(default_factory=list)
    """PNG before SVG."""
    speech: dict[str, str] = field(default_factory=dict)
    """Language -> clip."""
    effect: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class StampsSource:
    """For each stem one record per spoken language, or one without speech; and one for its sound."""

    corpus: str
    snapshot: str
    root: Path
    license: str
    exclude: tuple[str, ...] = ()

    @property
    def settings(self) -> str:
        return self.snapshot  # it covers versions and exclusions

    def references(self) -> Iterator[Reference]:
        """In the order of the stems, so that consecutive records share a picture."""
        row = 0
        for stem, stamp in sorted(self._stamps().items()):
            for name in _media_names(stamp):
                yield Reference(row=row, name=name, group=stem)
                row += 1

    def read(self, references: Iterable[Reference]) -> Iterator[Record | SampleError]:
        """One outcome for each, in their order."""
        return read_each(self.read_one, references)

    def read_one(self, reference: Reference) -> Record:
        """The name says which file makes the record: a clip, a sound, or the picture alone."""
        path = self._inside(reference.name)
        stem = self._inside(reference.group)
        spoken = _SPOKEN.fullmatch(PurePosixPath(reference.name).stem)
        is_clip = path.suffix in {".ogg", ".wav"}
        is_effect = is_clip and not spoken
        return Record(
            reference=reference,
            language=_tag(spoken["language"] or "en") if is_clip and spoken else "en",
            texts=_texts(stem.with_name(f"{stem.name}.txt")),
            source="tuxpaint-stamps",
            license=self.license,
            image=_picture(stem),
            image_extension="png",
            audio=_bytes(path) if is_clip else None,
            audio_extension=path.suffix[1:] if is_clip else "",
            tags=(PurePosixPath(reference.name).parts[0], *((EFFECT,) if is_effect else ())),
            original_data={"sound": EFFECT if is_effect else "speech"} if is_clip else {},
        )

    def facts(self) -> Mapping[str, str | int]:
        stamps = self._stamps()
        everything = StampsSource(corpus=self.corpus, snapshot=self.snapshot, root=self.root, license=self.license)
        num_by_language: dict[str, int] = {}
        for stamp in stamps.values():
            for language in stamp.speech:
                num_by_language[language] = num_by_language.get(language, 0) + 1
        return {
            "license": self.license,
            "spoken_languages": " ".join(f"{language}:{n}" for language, n in sorted(num_by_language.items())),
            "num_stems": len(stamps),
            "num_clips": sum(num_by_language.values()),
            "num_effects": sum(bool(stamp.effect) for stamp in stamps.values()),
            "excluded": " ".join(self.exclude),
            "num_stems_excluded": len(everything._stamps()) - len(stamps),
        }

    def _stamps(self) -> dict[str, Stamp]:
        """Every stem that has a picture; mirrored and flipped pictures of another stem are not stems."""
        paths = [PurePosixPath(entry.path) for entry in walk(self.root, exclude=self.exclude)]
        stamps: dict[str, Stamp] = {}
        for path in paths:
            if path.suffix in {".png", ".svg"}:
                stamps.setdefault(str(path.with_suffix("")), Stamp()).pictures.append(str(path))
        for stem in [stem for stem in stamps if _TURNED.search(stem) and _TURNED.sub("", stem) in stamps]:
            del stamps[stem]
        for path in paths:
            if path.suffix in {".ogg", ".wav"}:
                _add_clip(stamps, path)
        return stamps

    def _inside(self, name: str) -> Path:
        path = self.root / name
        if not path.resolve().is_relative_to(self.root.resolve()):
            raise SampleError(f"{name}: leads outside of the corpus.", status="refused")
        return path


def _add_clip(stamps: dict[str, Stamp], path: PurePosixPath) -> None:
    spoken = _SPOKEN.fullmatch(path.stem)
    if spoken and (stamp := stamps.get(str(path.with_name(spoken["stem"])))):
        stamp.speech.setdefault(_tag(spoken["language"] or "en"), str(path))
    elif stamp := stamps.get(str(path.with_suffix(""))):
        stamps[str(path.with_suffix(""))] = Stamp(pictures=stamp.pictures, speech=stamp.speech, effect=str(path))


def _media_names(stamp: Stamp) -> list[str]:
    spoken = [stamp.speech[language] for language in sorted(stamp.speech)] or [stamp.pictures[0]]
    return [*spoken, stamp.effect] if stamp.effect else spoken


def _tag(language: str) -> str:
    """`pt_BR` -> `pt-BR`, `sr@latin` -> `sr-Latn`, `ca@valencia` -> `ca-valencia`."""
    base, mark, modifier = language.partition("@")
    return f"{base}-{_SCRIPTS.get(modifier, modifier)}" if mark else base.replace("_", "-")


@lru_cache(maxsize=4)  # consecutive records share a stem
def _picture(stem: Path) -> bytes:
    png, svg = stem.with_name(f"{stem.name}.png"), stem.with_name(f"{stem.name}.svg")
    if png.is_file():
        return on_white(png)
    return render_svg(_bytes(svg).decode(errors="replace"), width=_SVG_WIDTH_PIXELS)


@lru_cache(maxsize=4)
def _texts(path: Path) -> dict[str, str]:
    """First line English, the others `ll.utf8=...`; a text as it stands, with its double spaces."""
    try:
        lines = _bytes(path)[:_MAX_TEXT_BYTES].decode().splitlines()
    except UnicodeDecodeError as error:
        raise SampleError(f"{path.name}: not UTF-8 ({error.reason} at byte {error.start}).") from error
    texts: dict[str, str] = {}
    if lines and lines[0].strip():
        texts["en"] = lines[0].strip()
    for line in lines[1:]:
        if (match := _TEXT_LINE.fullmatch(line)) and match["text"].strip():
            texts.setdefault(_tag(match["language"]), match["text"].strip())
    return texts


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SampleError(f"{path.name}: cannot be read ({error.strerror}).") from error
