"""Runs of words that two texts share: hashed, looked up, and compared letter by letter where the hashes agree.

A run begins at every word and is the shortest that is worth n words. In scripts without spaces a character is a token
and counts as the part of a word that it usually is (half in Chinese and Japanese, a quarter in Thai), so that one
number means as much text in every language. Case, compatibility forms, punctuation and spacing do not count. A text
that is worth less than n words is compared whole.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipelines.signals.words import normalise, quarter_words, tokens_of

_BASE = np.uint64(0x9E3779B97F4A7C15)
"""Odd, so that it has an inverse modulo 2**64."""
_INVERSE = np.uint64(pow(int(_BASE), -1, 1 << 64))
_WHOLE = np.uint64(0xD1B54A32D192ED03)
"""Tells a whole text from a run of the same words."""


@dataclass(frozen=True, slots=True)
class Grams:
    """Of many texts."""

    hashes: NDArray[np.uint64]
    text: NDArray[np.int64]
    """The text of each hash."""


def grams_of(texts: Sequence[str], *, words: int, min_words: int) -> Grams:
    """Hashes of every run, or of the whole of a shorter text that is worth `min_words` or more."""
    split = [_tokens(text) for text in texts]
    lengths = np.array([len(tokens) for tokens in split], dtype=np.int64)
    if not lengths.sum():
        return Grams(np.zeros(0, np.uint64), np.zeros(0, np.int64))
    numbers = np.array([_number(token) for tokens in split for token in tokens], dtype=np.uint64)
    weights = np.array([quarter_words(token) for tokens in split for token in tokens], dtype=np.int64)
    ends = np.cumsum(lengths)
    owner = np.repeat(np.arange(len(texts)), lengths)
    worth = np.r_[0, np.cumsum(weights)]
    powers = _powers(int(lengths.max()) + 1)
    within = np.arange(len(numbers)) - np.repeat(ends - lengths, lengths)
    sums = np.r_[np.uint64(0), np.cumsum(numbers * powers[0][within])]
    first = np.arange(len(numbers))
    last = np.searchsorted(worth, worth[first] + 4 * words)
    fits = last <= ends[owner]
    first, last = first[fits], last[fits]
    runs = _mixed((sums[last] - sums[first]) * powers[1][within[first]])
    starts = ends - lengths
    total = worth[ends] - worth[starts]
    short = np.flatnonzero((total < 4 * words) & (total >= 4 * min_words))
    wholes = _mixed((sums[ends[short]] - sums[starts[short]]) ^ _WHOLE)
    return Grams(np.concatenate([runs, wholes]), np.concatenate([owner[fits], short]))


def shared_run(left: str, right: str, *, words: int) -> bool:
    """Whether two texts really share a run, or are equal where one of them is too short for any."""
    return bool(_runs(left, words) & _runs(right, words))


def is_short(text: str, *, words: int) -> bool:
    """Worth less than a run."""
    return sum(map(quarter_words, _tokens(text))) < 4 * words


def _runs(text: str, words: int) -> set[tuple[str, ...]]:
    tokens = _tokens(text)
    worth = np.r_[0, np.cumsum([quarter_words(token) for token in tokens])]
    if worth[-1] < 4 * words:
        return {("", *tokens)}
    last = np.searchsorted(worth, worth[:-1] + 4 * words)
    return {tuple(tokens[first:end]) for first, end in enumerate(last.tolist()) if end <= len(tokens)}


def _tokens(text: str) -> list[str]:
    return tokens_of(normalise(text))


@lru_cache(maxsize=1 << 17)
def _number(token: str) -> int:
    return int.from_bytes(hashlib.blake2b(token.encode(), digest_size=8).digest(), "little")


@lru_cache(maxsize=8)
def _powers(count: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Of the base and of its inverse."""
    ups = np.cumprod(np.r_[np.uint64(1), np.full(count, _BASE)], dtype=np.uint64)
    downs = np.cumprod(np.r_[np.uint64(1), np.full(count, _INVERSE)], dtype=np.uint64)
    return ups, downs


def _mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return (numbers ^ (numbers >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
