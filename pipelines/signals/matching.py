"""Which fingerprints are of one thing: copies that were encoded again, resized, made louder or trimmed a little."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

SAME_AUDIO = 0.65
"""`audio_similarity` above which two clips are one recording."""
SAME_PICTURE_BITS = 6
"""`phash_distance` up to which two pictures may be one."""
SAME_COLOURS = 3.5
"""`colour_difference` up to which they are: of 255 levels."""
MAX_SHIFT_WORDS = 16
"""A quarter of a second: what codecs pad and editors trim."""

_GAINS = (0.7, 1.4)
_MIN_OVERLAP = 0.75
_MIN_WORDS = 4
_PARTS, _MIN_PART_WORDS = 3, 4
_WORDS_AT_ONCE = 1 << 22  # bounds the memory of a comparison with many

Bits = NDArray[np.uint32]
Words = Sequence[int] | Bits


def match_pictures(queries: Mapping[str, Any], library: Mapping[str, Any]) -> list[tuple[int, int]]:
    """(place in queries, place in library) of pictures that are one; both are what `hash_pictures` gives.

    Their hashes differ in at most SAME_PICTURE_BITS, and their colours by little when one is made as bright as the
    other: a hash of 64 bits of grey takes a flag for another.
    """
    hashes = np.asarray(library["image_phash"], dtype=np.uint64)
    pairs: list[tuple[int, int]] = []
    for place, query in enumerate(queries["image_phash"]):
        near = np.flatnonzero(np.bitwise_count(hashes ^ np.uint64(query)) <= SAME_PICTURE_BITS)
        ours = queries["image_colours"][place]
        pairs.extend(
            (place, int(other))
            for other in near
            if colour_difference(ours, library["image_colours"][other]) <= SAME_COLOURS
        )
    return pairs


def colour_difference(left: Sequence[int] | NDArray[np.uint8], right: Sequence[int] | NDArray[np.uint8]) -> float:
    """Root mean square, in levels, after the best gain between 0.7 and 1.4."""
    ours, theirs = np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64)
    gain = np.clip(float(ours @ theirs) / max(1.0, float(ours @ ours)), *_GAINS)
    return float(np.sqrt(np.mean((gain * ours - theirs) ** 2)))


def match_clips(
    queries: Sequence[Words], library: Sequence[Words], *, threshold: float = SAME_AUDIO
) -> list[tuple[int, int]]:
    """(place in queries, place in library) of fingerprints of one recording; compares all of like length."""
    pairs: list[tuple[int, int]] = []
    for place, query in enumerate(queries):
        near = np.flatnonzero(audio_similarities(query, library) > threshold)
        pairs.extend((place, int(other)) for other in near)
    return pairs


def audio_similarity(left: Words, right: Words) -> float:
    """Correlation of the bits where either is audible, at the best shift within 0.25 s; 0 where too little overlaps.

    Of a pair that is alike as a whole, the figure is that of the third that is least alike: two sentences that share
    half of their words are two recordings, and so are two of one voice that differ in a name. Not the share of equal
    bits: of two quiet clips most bits are 0, and equal without any likeness.
    """
    return float(audio_similarities(left, [right])[0])


def audio_similarities(query: Words, library: Sequence[Words]) -> NDArray[np.float64]:
    """`audio_similarity` of one clip with each of many."""
    ours = np.asarray(query, dtype=np.uint32)
    lengths = np.array([len(words) for words in library], dtype=np.int64)
    found = np.zeros(len(library))
    # Others cannot overlap enough at any shift.
    near = np.flatnonzero(np.minimum(lengths, len(ours)) >= _least_overlap(lengths, len(ours)))
    at_once = max(1, _WORDS_AT_ONCE // max(1, lengths.max(initial=1)))
    for start in range(0, len(near), at_once):
        part = near[start : start + at_once]
        others = [np.asarray(library[place], dtype=np.uint32) for place in part]
        found[part] = _compare(ours, others, lengths[part])
    return found


def shifted_similarities(
    words: Bits,
    starts: NDArray[np.int64],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    shift: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Correlation of two clips where the second is `shift` words later, pair by pair; a quick look before the whole."""
    mine, theirs = starts[first] + np.maximum(0, -shift), starts[second] + np.maximum(0, shift)
    overlap = np.maximum(0, np.minimum(starts[first + 1] - mine, starts[second + 1] - theirs))
    return _agreements(_rows(words, mine, overlap), _rows(words, theirs, overlap), overlap)


def paired_similarities(
    words: Bits, starts: NDArray[np.int64], first: NDArray[np.int64], second: NDArray[np.int64]
) -> NDArray[np.float64]:
    """`audio_similarity` of many pairs at once, pair by pair; clip i is `words[starts[i] : starts[i + 1]]`."""
    lengths = np.diff(starts)
    least = _least_overlap(lengths[first], lengths[second])
    best, shifts = np.zeros(len(first)), np.zeros(len(first), dtype=np.int64)
    for shift in range(-MAX_SHIFT_WORDS, MAX_SHIFT_WORDS + 1):
        mine, theirs = starts[first] + max(0, shift), starts[second] + max(0, -shift)
        overlap = np.maximum(0, np.minimum(starts[first + 1] - mine, starts[second + 1] - theirs))
        agreement = _agreements(_rows(words, mine, overlap), _rows(words, theirs, overlap), overlap)
        better = (agreement > best) & (overlap >= least)
        best[better], shifts[better] = agreement[better], shift
    for place in np.flatnonzero(best > SAME_AUDIO):
        ours, others = (words[starts[ends[place]] : starts[ends[place] + 1]] for ends in (first, second))
        best[place] = min(best[place], _least_alike(ours, others, int(shifts[place])))
    return best


def _rows(words: Bits, begin: NDArray[np.int64], lengths: NDArray[np.int64]) -> Bits:
    """A row for each stretch of words; what is beyond its length means nothing."""
    offsets = np.arange(lengths.max(initial=0))
    return words[np.minimum(begin[:, None] + offsets, max(0, len(words) - 1))]


def _least_overlap(lengths: NDArray[np.int64], length: int | NDArray[np.int64]) -> NDArray[np.float64]:
    return np.maximum(_MIN_WORDS, _MIN_OVERLAP * np.maximum(lengths, length))


def _compare(ours: Bits, others: list[Bits], lengths: NDArray[np.int64]) -> NDArray[np.float64]:
    padded = np.zeros((len(others), int(lengths.max())), dtype=np.uint32)
    for row, words in zip(padded, others, strict=True):
        row[: len(words)] = words
    best, shifts = np.zeros(len(others)), np.zeros(len(others), dtype=np.int64)
    for shift in range(-MAX_SHIFT_WORDS, MAX_SHIFT_WORDS + 1):
        mine, theirs = ours[max(0, shift) :], padded[:, max(0, -shift) :]
        overlap = np.minimum(len(mine), lengths - max(0, -shift))
        width = max(0, min(len(mine), theirs.shape[1]))
        agreement = _agreements(mine[:width], theirs[:, :width], overlap)
        better = (agreement > best) & (overlap >= _least_overlap(lengths, len(ours)))
        best[better], shifts[better] = agreement[better], shift
    for place in np.flatnonzero(best > SAME_AUDIO):
        best[place] = min(best[place], _least_alike(ours, others[int(place)], int(shifts[place])))
    return best


def _least_alike(ours: Bits, theirs: Bits, shift: int) -> float:
    """Of the thirds of the overlap that have enough to say."""
    mine, other = ours[max(0, shift) :], theirs[max(0, -shift) :]
    overlap = min(len(mine), len(other))
    edges = [overlap * part // _PARTS for part in range(_PARTS + 1)]
    parts = [slice(*ends) for ends in pairwise(edges)]
    audible = [part for part in parts if np.count_nonzero(mine[part] | other[part]) >= _MIN_PART_WORDS]
    whole = [np.array([part.stop - part.start]) for part in audible]
    found = [float(_agreements(mine[p], other[None, p], size)[0]) for p, size in zip(audible, whole, strict=True)]
    return min(found, default=1.0)


def _agreements(mine: Bits, theirs: Bits, overlap: NDArray[np.int64]) -> NDArray[np.float64]:
    """Correlation (phi) of the bits of the words inside the overlap in which either is audible; a row for each.

    `mine` is one clip, or a row for each too.
    """
    inside = np.arange(theirs.shape[1]) < overlap[:, None]
    num_bits = 32 * np.count_nonzero((mine | theirs).astype(bool) & inside, axis=1)
    both, ours, others = (
        np.where(inside, np.bitwise_count(words), 0).sum(axis=1, dtype=np.int64)
        for words in (mine & theirs, mine, theirs)
    )
    spread = np.sqrt(ours * (num_bits - ours) * (others * (num_bits - others)).astype(np.float64))
    enough = (num_bits >= 32 * _MIN_WORDS) & (spread > 0)
    return np.where(enough, (num_bits * both - ours * others) / np.where(enough, spread, 1.0), 0.0)
