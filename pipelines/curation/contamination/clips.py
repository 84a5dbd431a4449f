"""Clips of an evaluation set that a clip to train on is a copy of: candidates by an inverted index, then compared.

A word of a fingerprint has 32 bits, and one of a lossy copy seldom survives whole, but a half of it often does
(Haitsma and Kalker 2002 look up whole words and flip weak bits instead). A candidate shares several halves at nearly
the same moment.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipelines.curation.contamination.pictures import Hits, expanded
from pipelines.signals.matching import audio_similarities

_MAX_SHIFT_WORDS = 16
_LEAST_VOTES, _VOTES_PER_WORD = 3, 0.1
"""Of a copy with an eighth of its bits flipped a quarter of the words vote, of other clips of one voice 1 in 25."""
_SHORT_WORDS = 24
"""Clips under 0.4 s have too few words to vote: they are compared with all of like length."""
_LIKE_LENGTH = 0.75
"""Shorter over longer: what `audio_similarity` asks at least."""
_HALF = np.uint32(16)


class ClipLibrary:
    """Fingerprints by the halves of their words."""

    def __init__(self, prints: Sequence[NDArray[np.uint32]]) -> None:
        self._prints = prints
        self._lengths = np.array([len(words) for words in prints], dtype=np.int64)
        keys, clips, moments = _halves(prints)
        order = np.argsort(keys, kind="stable")
        self._keys, self._clips, self._moments = keys[order], clips[order], moments[order]

    def find(self, prints: Sequence[NDArray[np.uint32]], *, min_similarity: float) -> Hits:
        """Pairs whose `audio_similarity` is over the limit."""
        queries, places, similarities = [], [], []
        for query, words in enumerate(prints):
            candidates = self._candidates(words)
            found = audio_similarities(words, [self._prints[place] for place in candidates.tolist()])
            near = np.flatnonzero(found > min_similarity)
            queries.append(np.full(len(near), query, dtype=np.int64))
            places.append(candidates[near])
            similarities.append(found[near].astype(np.float32))
        if not queries:
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32)
        return np.concatenate(queries), np.concatenate(places), np.concatenate(similarities)

    def _candidates(self, words: NDArray[np.uint32]) -> NDArray[np.int64]:
        longer, shorter = np.maximum(self._lengths, len(words)), np.minimum(self._lengths, len(words))
        alike = shorter >= _LIKE_LENGTH * longer
        if len(words) < _SHORT_WORDS:
            return np.flatnonzero(alike).astype(np.int64)
        keys, _, moments = _halves([words])
        low = np.searchsorted(self._keys, keys, side="left")
        counts = np.searchsorted(self._keys, keys, side="right") - low
        votes = np.zeros(len(self._prints), dtype=np.int64)
        for query, place in expanded(low, counts):
            close = np.abs(moments[query] - self._moments[place]) <= _MAX_SHIFT_WORDS
            votes += np.bincount(self._clips[place[close]], minlength=len(votes))
        elected = votes >= max(_LEAST_VOTES, _VOTES_PER_WORD * len(words))
        return np.flatnonzero(alike & (elected | (self._lengths < _SHORT_WORDS))).astype(np.int64)


def _halves(prints: Sequence[NDArray[np.uint32]]) -> tuple[NDArray[np.uint32], NDArray[np.int64], NDArray[np.int64]]:
    """(half of a word and which half, clip, place of the word); silent halves, which all clips share, are left out."""
    words = np.concatenate([np.zeros(0, np.uint32), *prints]).astype(np.uint32)
    lengths = np.array([len(one) for one in prints], dtype=np.int64)
    clips = np.repeat(np.arange(len(prints)), lengths)
    moments = np.arange(len(words)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    low, high = words & np.uint32(0xFFFF), words >> _HALF
    keys = np.concatenate([low, high | np.uint32(1 << 16)])
    heard = np.concatenate([low, high]) > 0
    return keys[heard], np.tile(clips, 2)[heard], np.tile(moments, 2)[heard]
