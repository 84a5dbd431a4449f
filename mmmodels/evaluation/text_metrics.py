"""How near a written text is to its references: BLEU, ROUGE-L and CIDEr-D by word, for texts in any script."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

MAX_N = 4
BETA = 1.2
"""Of ROUGE-L: how much more recall counts than precision, as COCO's evaluation has it."""
SIGMA = 6.0
"""Of CIDEr-D's penalty for another length."""
_NO_SPACES = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_NO_SPACES}]|[^\W{_NO_SPACES}]+|[^\w\s]")
Grams = Counter[tuple[str, ...]]


def words_of(text: str) -> list[str]:
    """Lower-case words and single marks; scripts that write no spaces are split into their characters."""
    return _WORD.findall(text.lower())


def bleu_counts(references: Sequence[Sequence[str]], guesses: Sequence[str]) -> NDArray[np.float64]:
    """(texts, 2 + 2 * MAX_N): lengths of the guess and of its nearest reference, then matches and n-grams of each n.

    Sums of rows are all that corpus BLEU needs, so its interval can be had by resampling rows.
    """
    return np.array([_counts(one, guess) for one, guess in zip(references, guesses, strict=True)], dtype=np.float64)


def bleu(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., MAX_N): BLEU-1 to BLEU-4 in [0, 1] from summed counts (Papineni et al. 2002), without smoothing."""
    length, wanted = sums[..., 0], sums[..., 1]
    matches, grams = sums[..., 2 : 2 + MAX_N], sums[..., 2 + MAX_N :]
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where((matches > 0) & (grams > 0), np.log(matches / grams), -np.inf)
        brevity = np.where(length > 0, np.minimum(0.0, 1 - wanted / length), -np.inf)
    means = np.cumsum(logs, axis=-1) / np.arange(1, MAX_N + 1)
    scores: NDArray[np.float64] = np.exp(means + brevity[..., None])
    return scores


def rouge_l(references: Sequence[Sequence[str]], guesses: Sequence[str]) -> NDArray[np.float64]:
    """(texts,) in [0, 1]: F of the longest common subsequence of words (Lin 2004), the best of the references."""
    return np.array([_rouge(one, guess) for one, guess in zip(references, guesses, strict=True)], dtype=np.float64)


def cider_d(references: Sequence[Sequence[str]], guesses: Sequence[str]) -> NDArray[np.float64]:
    """(texts,) in [0, 10]: CIDEr-D of each (Vedantam et al. 2015, equations 1 to 4), n-grams rare in these references
    counting most; as COCO's code, a text's length is its number of pairs of words."""
    counted = [[_grams(text) for text in one] for one in references]
    appearing = Counter(gram for one in counted for gram in set().union(*one))
    weigh = _Weights(appearing, num_texts=len(references))
    return np.array(
        [
            10 * np.mean([weigh.similarity(_grams(guess), reference) for reference in one])
            for one, guess in zip(counted, guesses, strict=True)
        ],
        dtype=np.float64,
    )


class _Weights:
    """Term frequency times inverse document frequency."""

    def __init__(self, appearing: Grams, *, num_texts: int) -> None:
        self.appearing = appearing
        self.log_size = math.log(max(1, num_texts))

    def similarity(self, guess: Grams, reference: Grams) -> float:
        """The mean over n of the clipped cosines, times the Gaussian of the difference of lengths."""
        ours, theirs = self._vectors(guess), self._vectors(reference)
        delta = sum(guess[gram] for gram in ours[1]) - sum(reference[gram] for gram in theirs[1])
        cosines = [_clipped_cosine(one, other) for one, other in zip(ours, theirs, strict=True)]
        return math.exp(-(delta**2) / (2 * SIGMA**2)) * sum(cosines) / MAX_N

    def _vectors(self, grams: Grams) -> list[dict[tuple[str, ...], float]]:
        found: list[dict[tuple[str, ...], float]] = [{} for _ in range(MAX_N)]
        for gram, count in grams.items():
            found[len(gram) - 1][gram] = count * (self.log_size - math.log(max(1, self.appearing[gram])))
        return found


def _clipped_cosine(ours: dict[tuple[str, ...], float], theirs: dict[tuple[str, ...], float]) -> float:
    product = sum(min(value, theirs.get(gram, 0.0)) * theirs.get(gram, 0.0) for gram, value in ours.items())
    norms = math.hypot(*ours.values()) * math.hypot(*theirs.values())
    return product / norms if norms else 0.0


@lru_cache(maxsize=1 << 16)
def _grams(text: str) -> Grams:
    words = words_of(text)
    return Counter(tuple(words[at : at + n]) for n in range(1, MAX_N + 1) for at in range(len(words) - n + 1))


def _counts(references: Sequence[str], guess: str) -> list[float]:
    ours, length = _grams(guess), len(words_of(guess))
    theirs = [_grams(reference) for reference in references]
    wanted = min((abs(len(words_of(text)) - length), len(words_of(text))) for text in references)[1]
    matches, grams = [0] * MAX_N, [0] * MAX_N
    for gram, count in ours.items():
        matches[len(gram) - 1] += min(count, max(other[gram] for other in theirs))
        grams[len(gram) - 1] += count
    return [length, wanted, *matches, *grams]


def _rouge(references: Sequence[str], guess: str) -> float:
    ours = words_of(guess)
    common = [(_common(words, ours), len(words)) for words in map(words_of, references)]
    precision = max((found / len(ours) for found, _ in common if ours), default=0.0)
    recall = max((found / size for found, size in common if size), default=0.0)
    if not precision or not recall:
        return 0.0
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(other) + 1)
    for word in one:
        before = 0
        for place, theirs in enumerate(other, start=1):
            before, row[place] = row[place], before + 1 if word == theirs else max(row[place], row[place - 1])
    return row[-1]
