"""Clips of one recording, by their fingerprints: candidates from an inverted index of words, then compared as a whole.

A word of 32 bits that survives in both copies finds a pair (Haitsma and Kalker 2002). Not all words are looked up: of
each clip the NUM_WORDS whose hash is least, so that copies choose the same ones however long they are, and the place of
the word in both clips says how far one is shifted against the other.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.curation.duplicates.components import Components, Links
from pipelines.curation.duplicates.settings import NearAudio
from pipelines.curation.duplicates.workspace import Workspace
from pipelines.curation.runs import Ends, mixed, pairs_sharing
from pipelines.signals.matching import MAX_SHIFT_WORDS, paired_similarities, shifted_similarities

NUM_WORDS = 32
"""Of 150 clips of a second each, coded in six ways, all 900 copies were found with it."""
MAX_RUN = 64
"""Clips that share a word of which all pairs are compared; a word in more of them is a hum or a rest."""

_LIKELY = 0.6  # of the similarity asked for, at the shift of one equal word, which may be a few words off
_CLIPS_AT_ONCE = 1 << 12
_WORDS_AT_ONCE = 1 << 20

Positions = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fingerprints:
    """Words of all clips, one after the other."""

    words: NDArray[np.uint32]
    starts: Positions
    """One more than there are clips."""

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, position: int) -> NDArray[np.uint32]:
        return self.words[self.starts[position] : self.starts[position + 1]]

    @property
    def lengths(self) -> Positions:
        return np.diff(self.starts)


def clip_components(workspace: Workspace, settings: NearAudio) -> tuple[Components, Fingerprints]:
    """Positions of clips in components (table `shown` says who has them), and the fingerprint at every position."""
    workspace.run("clips")
    workspace.run("shown_clips")
    clips = _read(workspace)
    links = Links(len(clips))
    doubtful = [np.zeros((2, 0), dtype=np.int64)]
    for first, second in same_recordings(clips, settings.min_similarity):
        is_sure = similarities(clips, first, second) > settings.min_similarity_unlike
        links.add(first[is_sure], second[is_sure])
        doubtful.append(np.stack([first[~is_sure], second[~is_sure]]))
    links.add(*_not_said_apart(workspace, np.concatenate(doubtful, axis=1)))
    return links.components(max_steps=settings.max_steps), clips


def _not_said_apart(workspace: Workspace, pairs: Positions) -> Ends:
    """Those of (2, n) whose captions do not say that they are two things."""
    found = workspace.table("clip_pairs", pairs=pa.table({"first": pairs[0], "second": pairs[1]}))
    return found["first"].to_numpy(), found["second"].to_numpy()


def same_recordings(clips: Fingerprints, min_similarity: float) -> Iterator[Ends]:
    """Pairs whose `audio_similarity` is more than that, as far as one of the looked-up words is equal."""
    seen = np.zeros(0, dtype=np.int64)
    for left, right, shift in _candidates(clips):
        likely = shifted_similarities(clips.words, clips.starts, left, right, shift) > _LIKELY * min_similarity
        codes = np.setdiff1d(left[likely] * len(clips) + right[likely], seen)
        seen = np.union1d(seen, codes)
        first, second = np.divmod(codes, len(clips))
        alike = similarities(clips, first, second) > min_similarity
        yield first[alike], second[alike]


def similarities(clips: Fingerprints, first: Positions, second: Positions) -> NDArray[np.float64]:
    """Pair by pair; long clips by few at a time."""
    found = np.zeros(len(first))
    longest = int(np.maximum(clips.lengths[first], clips.lengths[second]).max(initial=1))
    at_once = max(1, _WORDS_AT_ONCE // longest)
    for start in range(0, len(first), at_once):
        part = slice(start, start + at_once)
        found[part] = paired_similarities(clips.words, clips.starts, first[part], second[part])
    return found


def _candidates(clips: Fingerprints) -> Iterator[tuple[Positions, Positions, Positions]]:
    """(first, second, how many words the second comes later) where a word is equal and near the same place."""
    owner, word, place = _chosen_words(clips)
    lengths = clips.lengths
    for left, right in pairs_sharing(word.astype(np.uint64), max_run=MAX_RUN):
        first, second, shift = owner[left], owner[right], place[right] - place[left]
        fits = (word[left] == word[right]) & (first != second) & (np.abs(shift) <= MAX_SHIFT_WORDS)
        fits &= 4 * np.minimum(lengths[first], lengths[second]) >= 3 * np.maximum(lengths[first], lengths[second])
        at_once = max(1, _WORDS_AT_ONCE // int(lengths.max(initial=1)))
        fitting = np.flatnonzero(fits)
        for start in range(0, len(fitting), at_once):
            part = fitting[start : start + at_once]
            yield first[part], second[part], shift[part]


def _chosen_words(clips: Fingerprints) -> tuple[Positions, NDArray[np.uint32], Positions]:
    """(clip, word, its first place in the clip), at most NUM_WORDS of each."""
    parts = [_choose(clips, start) for start in range(0, len(clips), _CLIPS_AT_ONCE)]
    nothing = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint32), np.zeros(0, dtype=np.int64))
    owner, word, place = (np.concatenate(column) for column in zip(nothing, *parts, strict=True))
    return owner, word, place


def _choose(clips: Fingerprints, start: int) -> tuple[Positions, NDArray[np.uint32], Positions]:
    starts = clips.starts[start : start + _CLIPS_AT_ONCE + 1]
    words = np.asarray(clips.words[starts[0] : starts[-1]])
    owner = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    place = np.arange(len(words)) - np.repeat(starts[:-1] - starts[0], np.diff(starts))
    code = (owner.astype(np.uint64) << np.uint64(40)) | (mixed(words.astype(np.uint64)) >> np.uint64(24))
    order = np.argsort(code, kind="stable")
    order = order[words[order] != 0]
    order = order[np.r_[True, code[order][1:] != code[order][:-1]][: len(order)]]
    _, begin, size = np.unique(owner[order], return_index=True, return_counts=True)
    rank = np.arange(len(order)) - np.repeat(begin, size)
    chosen = order[rank < NUM_WORDS]
    return owner[chosen] + start, words[chosen], place[chosen]


def _read(workspace: Workspace) -> Fingerprints:
    (lengths,) = workspace.columns("clip_lengths")
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    words = workspace.array((int(starts[-1]),), np.dtype(np.uint32))
    for batch in workspace.batches("clip_words"):
        position = batch["position"].to_numpy()
        sizes = starts[position + 1] - starts[position]
        inside = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        words[np.repeat(starts[position], sizes) + inside] = pc.list_flatten(batch["audio_fingerprint"]).to_numpy()
    return Fingerprints(words=words, starts=starts)
