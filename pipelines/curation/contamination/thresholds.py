"""How near is too near to an evaluation set: the setting `@contamination` of a policy."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from pipelines.curation.settings import named_like
from pipelines.errors import PolicyError
from pipelines.signals.matching import SAME_AUDIO, SAME_COLOURS, SAME_PICTURE_BITS

MODALITIES = ("image", "text", "audio")
MAX_DISTANCE = 12
"""Of 64 bits; unrelated pictures differ in 32 +- 4."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Thresholds:
    """Every check with its limit; a limit that is null leaves the check out."""

    max_distance: int | None = SAME_PICTURE_BITS
    """Bits of the perceptual hash. Colours must agree too: a hash of grey takes a flag for another."""
    max_colour_difference: float = SAME_COLOURS
    """Root mean square of 255 levels over a coarse grid, after the best gain."""
    words: int | None = 13
    """Consecutive words that no two texts share by chance (Brown et al. 2020, appendix C)."""
    min_words: int = 8
    """Of a text shorter than that: whole and equal it counts from here. The least n that the same appendix uses."""
    min_audio_similarity: float | None = SAME_AUDIO
    """`audio_similarity` of fingerprints."""
    vectors: str | None = None
    """A family such as `embeddings@0123456789ab`; without one no vectors are compared."""
    min_similarity: float = 0.95
    """Cosine of two vectors of one modality."""
    modalities: tuple[str, ...] = ("image", "audio")
    """Whose vectors are compared. Those of short captions are near for captions that only say alike things."""

    def __post_init__(self) -> None:
        _within("max_distance", self.max_distance, 0, MAX_DISTANCE)
        _within("max_colour_difference", self.max_colour_difference, 0, 255)
        _within("words", self.words, 2, 1000)
        _within("min_words", self.min_words, 1, 1000)
        _within("min_audio_similarity", self.min_audio_similarity, 0.3, 1)
        _within("min_similarity", self.min_similarity, 0, 1)
        for name in self.modalities:
            if name not in MODALITIES:
                raise PolicyError(f"modalities: {name!r} is none. {named_like(name, MODALITIES)}")

    def inputs(self) -> dict[str, object]:
        """For digests."""
        return {**asdict(self), "modalities": list(self.modalities)}


def read_thresholds(value: Mapping[str, Any] | None, *, where: str = "@contamination") -> Thresholds:
    """From the JSON of a policy; `PolicyError` that begins with `where` and suggests near names."""
    known = {field.name for field in fields(Thresholds)}
    given = dict(value or {})
    for name in given:
        if name not in known:
            raise PolicyError(f"{where}: no setting {name!r}. {named_like(name, known)}")
    try:
        if "modalities" in given:
            given["modalities"] = tuple(given["modalities"])
        return Thresholds(**given)
    except TypeError as error:
        raise PolicyError(f'{where}: {error}. Give numbers, as in {{"max_distance": 4}}.') from error
    except PolicyError as error:
        raise PolicyError(f"{where}: {error}") from error


def _within(name: str, value: float | None, low: float, high: float) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise PolicyError(f"{name} = {value!r}: expected a number from {low} to {high}.")
