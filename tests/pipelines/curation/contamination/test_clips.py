"""Copies of clips are candidates, whatever a codec does to some of their bits."""

import numpy as np
import pytest

from pipelines.curation.contamination.clips import ClipLibrary
from pipelines.signals.matching import SAME_AUDIO, match_clips


def noisy(words: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    flips = rng.random((len(words), 32)) < share
    return words ^ np.packbits(flips, axis=1).view(">u4").ravel().astype(np.uint32)


@pytest.mark.parametrize("length", [10, 30, 60, 200])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.12])
def test_what_comparing_everything_finds_the_index_finds_too(length: int, share: float):
    rng = np.random.default_rng(length)
    library = [rng.integers(0, 2**32, rng.integers(length, length + 6), dtype=np.uint32) for _ in range(40)]
    queries = [noisy(words, share, rng)[: len(words) - 2] for words in library[:10]]
    queries += [rng.integers(0, 2**32, length, dtype=np.uint32) for _ in range(5)]
    expected = match_clips(queries, library)
    assert len(expected) >= 8
    query, place, similarity = ClipLibrary(library).find(queries, min_similarity=SAME_AUDIO)
    assert list(zip(query.tolist(), place.tolist(), strict=True)) == expected
    assert (similarity > SAME_AUDIO).all()


def test_silence_and_nothing_are_copies_of_nothing():
    silence = np.zeros(100, dtype=np.uint32)
    library = ClipLibrary([silence, np.zeros(0, dtype=np.uint32)])
    assert len(library.find([silence, np.zeros(0, dtype=np.uint32)], min_similarity=SAME_AUDIO)[0]) == 0
    assert len(ClipLibrary([]).find([silence], min_similarity=SAME_AUDIO)[0]) == 0
