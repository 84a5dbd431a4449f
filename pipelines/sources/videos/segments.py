"""Which stretches of a video become samples, and what is said in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pipelines.sources.videos.bounds import MAX_SEGMENTS, WINDOW_SECONDS
from pipelines.sources.videos.cues import Cue


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """From when to when, in milliseconds: whole numbers, so that its name is the same wherever it is made."""

    start_ms: int
    end_ms: int
    texts: Mapping[str, str] = field(default_factory=dict)
    """Language -> what the cues of it say meanwhile."""

    @property
    def name(self) -> str:
        """`12000-15500`."""
        return f"{self.start_ms}-{self.end_ms}"


def windows(seconds: float) -> list[Stretch]:
    """Of a video without timed text: equal stretches of at most `WINDOW_SECONDS`."""
    number = min(MAX_SEGMENTS, max(1, -(-round(seconds * 1000) // round(WINDOW_SECONDS * 1000))))
    bounds = [round(seconds * 1000 * place / number) for place in range(number + 1)]
    return [Stretch(start_ms=start, end_ms=end) for start, end in pairwise(bounds) if end > start]


def of_cues(cues: Sequence[Cue], language: str, others: Mapping[str, Sequence[Cue]]) -> list[Stretch]:
    """One for each cue with text; cues of other languages belong where most of their time is."""
    stretches = [_stretch(cue, {language: " ".join(cue.text.split())}) for cue in cues if cue.text]
    stretches = list({stretch.name: stretch for stretch in stretches}.values())
    bounds = np.array([[one.start_ms, one.end_ms] for one in stretches], dtype=np.int64).reshape(-1, 2)
    spoken: list[dict[str, list[str]]] = [{} for _ in stretches]
    for other, translated in others.items():
        for cue in translated:
            place = _best(bounds, cue)
            if place is not None and cue.text:
                spoken[place].setdefault(other, []).append(" ".join(cue.text.split()))
    return [
        Stretch(
            start_ms=stretch.start_ms,
            end_ms=stretch.end_ms,
            texts={**{name: " ".join(said) for name, said in texts.items()}, **stretch.texts},
        )
        for stretch, texts in zip(stretches, spoken, strict=True)
    ]


def _stretch(cue: Cue, texts: Mapping[str, str]) -> Stretch:
    return Stretch(start_ms=round(cue.start_seconds * 1000), end_ms=round(cue.end_seconds * 1000), texts=texts)


def _best(bounds: NDArray[np.int64], cue: Cue) -> int | None:
    """The stretch (from, to, in ms) that it overlaps most, by more than half of its own time."""
    start, end = cue.start_seconds * 1000, cue.end_seconds * 1000
    if not len(bounds):
        return None
    shared = np.minimum(end, bounds[:, 1]) - np.maximum(start, bounds[:, 0])
    best = int(np.argmax(shared))
    return best if shared[best] > (end - start) / 2 else None
