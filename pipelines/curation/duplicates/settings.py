"""Which kinds of duplicates are looked for, and how: a policy's header line `-- @duplicates = {...}`.

    {"exact": {}, "near_image": {"max_distance": 4}, "semantic": {"family": "embeddings@0123456789ab"}}

A kind that is named makes a fault, in the order of `KINDS`; by default `exact` and `near_image` do.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipelines.curation.settings import check_keys
from pipelines.errors import PolicyError
from pipelines.samples import Modality, digest_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Exact:
    """Equal picture and clip by their bytes, and equal language and caption."""

    max_per_component: int = 1
    """How many of a component are kept, the best first; of every kind."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NearImage:
    """Pictures with near perceptual hashes of which a group, a caption or the colours say that they are one."""

    max_per_component: int = 1
    max_distance: int = 4
    """Of 64 bits: re-encoded, resized, recoloured versions of one picture."""
    ignore_captions: bool = False
    """Also pictures that look the same and whose captions differ: right for a crawl of photographs, where one picture
    has many captions; wrong for flags, icons and clock faces."""
    max_steps: int = 8
    """How many links a sample may be away from the one kept for it; of every near kind. Many here: each link says that
    two pictures are of one group or caption, and the variants of a drawing are a chain."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NearText:
    """Captions long enough to be a text of their own that share most of their character 3-grams.

    Short captions are left alone, equal ones too: "a dog" under a hundred pictures is a hundred samples. A long one
    under many pictures is boilerplate, or one text told again. One caption inside one group is one text, said by all
    its clips.
    """

    max_per_component: int = 1
    min_similarity: float = 0.9
    """Jaccard similarity of the 3-grams as MinHash estimates it, with a standard error of 0.04 here."""
    min_words: int = 12
    """Under a dozen words one word decides what is meant, and it moves few 3-grams: "woman" or "man", "left" or
    "right", two words that changed places."""
    max_steps: int = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class NearAudio:
    """Clips of one recording: encoded again, resampled, louder, trimmed by up to a quarter of a second."""

    max_per_component: int = 1
    min_similarity: float = 0.65
    """Of `pipelines.signals.matching.audio_similarity`: copies that were cut by 40 ms are over 0.65, other ones over
    0.88; two short words by one synthetic voice reach 0.77."""
    min_similarity_unlike: float = 0.9
    """For clips whose captions in one language differ: one sentence with another word in it is two recordings."""
    max_steps: int = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Semantic:
    """Things whose vectors by one model nearly agree (SemDeDup, Abbas et al. 2023)."""

    family: str
    """`embeddings@<12 digits of the model>`, from `mmmodels score`."""
    max_per_component: int = 1
    modality: Modality = Modality.IMAGE
    min_similarity: float = 0.95
    """Cosine."""
    num_clusters: int = 0
    """Cells that are looked through one by one; 0 for the square root of twice the number of vectors."""
    keep: str = "plain"
    """Which of a component is the best: `plain` (of most samples, as of pictures), `central` (nearest to the centre of
    its cell) or `peripheral` (farthest, as in the paper). A policy's `preference` goes first."""
    max_steps: int = 1


Kind = Exact | NearImage | NearText | NearAudio | Semantic

KINDS: Mapping[str, type[Kind]] = {
    "exact": Exact,
    "near_image": NearImage,
    "near_text": NearText,
    "near_audio": NearAudio,
    "semantic": Semantic,
}
"""By name, in the order in which they make faults."""
FAULTS: Mapping[str, str] = {
    "exact": "duplicate",
    "near_image": "near_duplicate",
    "near_text": "near_duplicate_text",
    "near_audio": "near_duplicate_audio",
    "semantic": "semantic_duplicate",
}

_BOUNDS: Mapping[str, tuple[float, float]] = {
    "max_per_component": (1, 1 << 31),
    "max_distance": (0, 8),
    "min_similarity": (0.5, 1.0),
    "min_similarity_unlike": (0.5, 1.0),
    "min_words": (1, 1 << 31),
    "num_clusters": (0, 1 << 20),
    "max_steps": (1, 100),
}
_KEEP = ("plain", "central", "peripheral")
_OF_VERDICTS = ("max_per_component",)


@dataclass(frozen=True, kw_only=True, slots=True)
class DuplicateSettings:
    """The kinds that make faults, in the order of `KINDS`."""

    kinds: Mapping[str, Kind] = field(default_factory=lambda: {"exact": Exact(), "near_image": NearImage()})

    @classmethod
    def parse(cls, value: Mapping[str, Any] | None, *, max_per_component: int = 1, where: str) -> "DuplicateSettings":
        """From the header's JSON, None where it has none; `where` says which header, for messages."""
        given = {"exact": {}, "near_image": {}} if value is None else value
        check_keys(where, given, KINDS)
        kinds = {name: _kind(f"{where}: {name}", KINDS[name], given[name], max_per_component)
                 for name in KINDS if name in given}  # fmt: skip
        return cls(kinds=kinds)

    @property
    def faults(self) -> tuple[str, ...]:
        """The names of the faults, in order."""
        return tuple(FAULTS[name] for name in self.kinds)


def finding_digest(name: str, kind: Kind) -> str:
    """Of what decides which samples are in which component; how many are kept does not."""
    decides = {key: value for key, value in dataclasses.asdict(kind).items() if key not in _OF_VERDICTS}
    return digest_of({"kind": name, **decides})


def _kind(where: str, kind: type[Kind], given: object, max_per_component: int) -> Kind:
    if not isinstance(given, Mapping):
        raise PolicyError(f"{where} = {given!r}: expected an object of settings. Write {{}} for the defaults.")
    fields = {one.name: one for one in dataclasses.fields(kind)}
    check_keys(where, given, fields)
    values: dict[str, Any] = {"max_per_component": max_per_component, **given}
    if kind is Semantic and "family" not in values:
        raise PolicyError(f'{where}: names no vectors. Add "family": "embeddings@..." of a model that scored the pool.')
    return kind(**{name: _value(f"{where}.{name}", fields[name], value) for name, value in values.items()})


def _value(where: str, field_: "dataclasses.Field[Any]", value: object) -> Any:
    if field_.name == "modality":
        return _one_of(where, value, [str(modality) for modality in Modality], Modality)
    if field_.name == "keep":
        return _one_of(where, value, list(_KEEP), str)
    kind = type(field_.default) if field_.default is not dataclasses.MISSING else str
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise PolicyError(f"{where} = {value!r}: expected {_NAMES[kind]}. Write one.")
    low, high = _BOUNDS.get(field_.name, (None, None))
    if low is not None and high is not None and not low <= value <= high:  # type: ignore[operator]
        raise PolicyError(f"{where} = {value!r}: expected {low:g} to {high:g}. Choose a value between.")
    return value


def _one_of(where: str, value: object, known: list[str], make: type) -> Any:
    if value not in known:
        raise PolicyError(f"{where} = {value!r}: expected one of {', '.join(known)}. Choose one.")
    return make(value)


_NAMES = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
