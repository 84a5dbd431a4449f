"""Everything of all evaluation sets in memory, and what of a shard is too near to it."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.curation.contamination.clips import ClipLibrary
from pipelines.curation.contamination.closeness import VectorLibrary, vectors_of
from pipelines.curation.contamination.grams import grams_of, is_short, shared_run
from pipelines.curation.contamination.material import DIGESTS, rows_with, texts_of
from pipelines.curation.contamination.pictures import Hits, PictureLibrary, expanded
from pipelines.curation.contamination.thresholds import Thresholds

Found = tuple[str, NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]
"""Reason, rows of the shard, rows of the library, similarity (NaN where there is none)."""


class Library:
    """The samples of the evaluation sets: what is looked for. Its memory grows with them, not with what is checked.

    `samples`: see `material`, and the number of its `set`; in the order of set and uid, so that of equal things in one
    set the first uid stands for all.
    """

    def __init__(self, samples: pa.Table, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._sets: NDArray[np.int64] = samples["set"].to_numpy().astype(np.int64)
        self._uids = _Digests([samples["uid"]], self._sets)
        self._digests = _Digests([samples[name] for name in DIGESTS], self._sets)
        self._checks: list[Callable[[pa.Table], Iterator[Found]]] = [self._equal]
        if thresholds.max_distance is not None:
            self._checks.append(self._picture_check(samples, thresholds.max_distance))
        if thresholds.words is not None:
            self._checks.append(self._text_check(samples, thresholds.words))
        if thresholds.min_audio_similarity is not None:
            self._checks.append(self._clip_check(samples, thresholds.min_audio_similarity))
        if thresholds.vectors:
            self._checks += [self._vector_check(samples, modality) for modality in thresholds.modalities]

    def compare(self, shard: pa.Table) -> Iterator[Found]:
        """Everything that a shard has in common with an evaluation set, reason by reason."""
        for check in self._checks if len(shard) else ():
            yield from check(shard)

    def _equal(self, shard: pa.Table) -> Iterator[Found]:
        yield "same_sample", *self._uids.find(shard["uid"])
        for name in DIGESTS:
            yield "same_bytes", *self._digests.find(shard[name])

    def _picture_check(self, samples: pa.Table, max_distance: int) -> Callable[[pa.Table], Iterator[Found]]:
        rows, hashes, colours = _pictures(samples)
        looks = [(phash, look.tobytes()) for phash, look in zip(hashes.tolist(), colours, strict=True)]
        first = sorted(_first_of_each(looks, self._sets[rows]))
        rows, hashes, colours = rows[first], hashes[first], colours[first]
        library = PictureLibrary(hashes, colours, max_distance=max_distance)
        limit = self._thresholds.max_colour_difference

        def check(shard: pa.Table) -> Iterator[Found]:
            mine, asked, looks = _pictures(shard)
            yield _found("near_image", mine, rows, library.find(asked, looks, max_difference=limit))

        return check

    def _clip_check(self, samples: pa.Table, limit: float) -> Callable[[pa.Table], Iterator[Found]]:
        rows, prints = _clips(samples)
        first = sorted(_first_of_each([words.tobytes() for words in prints], self._sets[rows]))
        rows, prints = rows[first], [prints[place] for place in first]
        library = ClipLibrary(prints)

        def check(shard: pa.Table) -> Iterator[Found]:
            mine, theirs = _clips(shard)
            yield _found("same_audio", mine, rows, library.find(theirs, min_similarity=limit))

        return check

    def _vector_check(self, samples: pa.Table, modality: str) -> Callable[[pa.Table], Iterator[Found]]:
        rows, vectors, folds = vectors_of(samples, modality)
        library = VectorLibrary(vectors, folds)
        limit = self._thresholds.min_similarity

        def check(shard: pa.Table) -> Iterator[Found]:
            mine, theirs, models = vectors_of(shard, modality)
            yield _found(f"near_{modality}_vector", mine, rows, library.find(theirs, models, min_similarity=limit))

        return check

    def _text_check(self, samples: pa.Table, words: int) -> Callable[[pa.Table], Iterator[Found]]:
        texts, rows = texts_of(samples)
        first = sorted(_first_of_each(texts, self._sets[rows]))
        texts, rows = [texts[place] for place in first], [rows[place] for place in first]
        least = self._thresholds.min_words
        grams = grams_of(texts, words=words, min_words=least)
        order = np.argsort(grams.hashes, kind="stable")
        hashes, owners = grams.hashes[order], grams.text[order]

        def check(shard: pa.Table) -> Iterator[Found]:
            mine, of_row = texts_of(shard)
            asked = grams_of(mine, words=words, min_words=least)
            low = np.searchsorted(hashes, asked.hashes, side="left")
            counts = np.searchsorted(hashes, asked.hashes, side="right") - low
            pairs: set[tuple[int, int]] = set()
            for query, place in expanded(low, counts):
                pairs.update(zip(asked.text[query].tolist(), owners[place].tolist(), strict=True))
            yield from _text_hits(pairs, mine, of_row, texts, rows, words)

        return check


def _text_hits(
    pairs: set[tuple[int, int]],
    mine: Sequence[str],
    of_row: Sequence[int],
    texts: Sequence[str],
    rows: Sequence[int],
    words: int,
) -> Iterator[Found]:
    """Those of equal hashes that are equal."""
    true = sorted(pair for pair in pairs if shared_run(mine[pair[0]], texts[pair[1]], words=words))
    for reason, is_whole in (("same_text", True), (f"shared_{words}_gram", False)):
        some = [pair for pair in true if is_short(mine[pair[0]], words=words) is is_whole]
        left = np.array([of_row[left] for left, _ in some], dtype=np.int64)
        right = np.array([rows[right] for _, right in some], dtype=np.int64)
        yield reason, left, right, np.full(len(some), np.nan, np.float32)


def _found(reason: str, mine: NDArray[np.int64], rows: NDArray[np.int64], hits: Hits) -> Found:
    query, place, similarity = hits
    return reason, mine[query], rows[place], similarity


def _pictures(table: pa.Table) -> tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.uint8]]:
    """(rows with a hash and colours, hashes, colours (n, 192))."""
    hashed, coloured = rows_with(table, "image_phash"), rows_with(table, "image_colours")
    rows = np.intersect1d(hashed, coloured)
    some = table.select(["image_phash", "image_colours"]).take(rows)
    colours: Any = some["image_colours"].combine_chunks()
    flat = colours.flatten().to_numpy(zero_copy_only=False).astype(np.uint8)
    return rows, some["image_phash"].to_numpy().astype(np.uint64), flat.reshape(len(rows), -1 if len(rows) else 192)


def _clips(table: pa.Table) -> tuple[NDArray[np.int64], list[NDArray[np.uint32]]]:
    rows = rows_with(table, "audio_fingerprint")
    column: Any = table["audio_fingerprint"]
    some = column.take(pa.array(rows))
    return rows, [np.asarray(words.values.to_numpy(zero_copy_only=False), dtype=np.uint32) for words in some]


class _Digests:
    """Which rows of the library hold a value; of those of one evaluation set only the first."""

    def __init__(self, columns: Sequence[Any], sets: NDArray[np.int64]) -> None:
        values = np.concatenate([_bytes_of(column) for column in columns])
        rows = np.tile(np.arange(len(sets)), len(columns))
        there = values != b""
        values, rows = values[there], rows[there]
        order = np.lexsort((rows, sets[rows], values))
        values, rows = values[order], rows[order]
        first = np.r_[True, (values[1:] != values[:-1]) | (sets[rows[1:]] != sets[rows[:-1]])][: len(rows)]
        self._values, self._rows = values[first], rows[first]

    def find(self, column: Any) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        wanted = _bytes_of(column)
        low = np.searchsorted(self._values, wanted, side="left")
        counts = np.searchsorted(self._values, wanted, side="right") - low
        counts[wanted == b""] = 0
        pairs = list(expanded(low.astype(np.int64), counts))
        query = np.concatenate([np.zeros(0, np.int64), *(query for query, _ in pairs)])
        place = np.concatenate([np.zeros(0, np.int64), *(place for _, place in pairs)])
        return query, self._rows[place], np.full(len(query), np.nan, np.float32)


def _bytes_of(column: Any) -> NDArray[np.bytes_]:
    """Hexadecimal digits; empty for null."""
    return np.array([(value or "").encode() for value in column.to_pylist()], dtype="S64")


def _first_of_each(keys: Sequence[Any], sets: NDArray[np.int64]) -> list[int]:
    """Positions of the first of every (set, key)."""
    return list(
        {pair: place for place, pair in reversed(list(enumerate(zip(sets.tolist(), keys, strict=True))))}.values()
    )
