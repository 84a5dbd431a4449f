"""Prefix beam search over the frames of CTC (Hannun et al. 2014, algorithm 1), with or without a lexicon."""

import math
from collections.abc import Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mmmodels.speech.transcripts import BLANK, Alphabet

# Shapes: T frames, U units.
_FLOOR = math.log(1e-4)
"""Units below this log-probability are not tried in a frame."""
_NEVER = -math.inf
Prefix = tuple[int, ...]


class Lexicon:
    """Words with their shares in training transcripts, as a bonus on words that are complete."""

    def __init__(self, counts: Mapping[str, int], *, alphabet: Alphabet, weight: float, bonus: float) -> None:
        self.counts = counts
        self.alphabet = alphabet
        self.weight, self.bonus = weight, bonus
        self.space = alphabet.units.get(" ", -1)

    @cached_property
    def total(self) -> int:
        return max(1, sum(self.counts.values()))

    def score(self, prefix: Prefix) -> float:
        """weight * log share + bonus of the last word; one that nobody said counts as a tenth of one said once."""
        start = len(prefix) - next((n for n, unit in enumerate(reversed(prefix)) if unit == self.space), len(prefix))
        word = self.alphabet.decode(prefix[start:])
        if not word:
            return 0.0
        return self.weight * math.log((self.counts.get(word, 0) or 0.1) / self.total) + self.bonus


class _Beam:
    """A prefix's likelihoods by how its last frame ended, and what the lexicon says of its complete words."""

    __slots__ = ("blank", "bonus", "unit")

    def __init__(self, bonus: float) -> None:
        self.blank, self.unit, self.bonus = _NEVER, _NEVER, bonus

    @property
    def total(self) -> float:
        return _added(self.blank, self.unit)


def search(log_probabilities_TU: NDArray[np.float32], *, beam: int, lexicon: Lexicon | None = None) -> list[int]:
    """The likeliest units, summed over all alignments of the `beam` prefixes that were kept."""
    first = _Beam(0.0)
    first.blank = 0.0
    beams: dict[Prefix, _Beam] = {(): first}
    for frame_U in log_probabilities_TU:
        beams = _best(_extended(beams, frame_U, lexicon), beam)
    if lexicon is not None:
        for prefix, found in beams.items():
            found.bonus += lexicon.score(prefix)
    best, _ = max(beams.items(), key=lambda item: item[1].total + item[1].bonus)
    return list(best)


def _extended(
    beams: Mapping[Prefix, _Beam], frame_U: NDArray[np.float32], lexicon: Lexicon | None
) -> dict[Prefix, _Beam]:
    tried = [(int(unit), float(frame_U[unit])) for unit in np.flatnonzero(frame_U > _FLOOR) if unit != BLANK]
    found: dict[Prefix, _Beam] = {}
    for prefix, old in beams.items():
        total = old.total
        same = found.setdefault(prefix, _Beam(old.bonus))
        same.blank = _added(same.blank, total + float(frame_U[BLANK]))
        for unit, log_probability in tried:
            repeats = bool(prefix) and prefix[-1] == unit
            if repeats:  # without a blank between them two equal units are one
                same.unit = _added(same.unit, old.unit + log_probability)
            longer = (*prefix, unit)
            if longer not in found:
                bonus = lexicon.score(prefix) if lexicon is not None and unit == lexicon.space else 0.0
                found[longer] = _Beam(old.bonus + bonus)
            found[longer].unit = _added(found[longer].unit, (old.blank if repeats else total) + log_probability)
    return found


def _best(beams: Mapping[Prefix, _Beam], size: int) -> dict[Prefix, _Beam]:
    ranked = sorted(beams.items(), key=lambda item: item[1].total + item[1].bonus, reverse=True)
    return dict(ranked[:size])


def _added(first: float, second: float) -> float:
    """log(exp + exp)."""
    if _NEVER in (first, second):
        return max(first, second)
    return max(first, second) + math.log1p(math.exp(-abs(first - second)))
