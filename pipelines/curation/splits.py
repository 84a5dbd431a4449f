"""Which split a sample belongs to: a pure hash of what it is, so the answer is the same in every run, view and corpus.

Hashing, not drawing: a sample that arrives tomorrow never moves one that is here today, and no file has to be kept.
"""

import hashlib
from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

if TYPE_CHECKING:
    Column = pa.Array[Any] | pa.ChunkedArray[Any]

HELD_OUT_SHARE = 0.1
"""Of groups, then of (group, language) pairs, then of voices."""


class Split(StrEnum):
    """What a sample may be used for; only TRAIN is ever trained on."""

    TRAIN = "train"
    HELD_OUT_CONCEPT = "held_out_concept"
    """The whole group is unseen: every image, text and clip of it."""
    HELD_OUT_LANGUAGE = "held_out_language"
    """The concept may be seen, but never in this language."""
    HELD_OUT_VOICE = "held_out_voice"
    """The concept and its text may be seen, but this voice never."""


def split_of(group: str, language: str, voice: str) -> Split:
    """Concept first, then (group, language), then voice; an empty voice is never held out."""
    if _is_held_out("concept", group):
        return Split.HELD_OUT_CONCEPT
    if _is_held_out("language", group, language):
        return Split.HELD_OUT_LANGUAGE
    if voice and _is_held_out("voice", voice):
        return Split.HELD_OUT_VOICE
    return Split.TRAIN


def is_held_out_text(group: str, language: str) -> bool:
    """Whether a text of this group in this language may never be trained on, whichever record carries it."""
    return _is_held_out("concept", group) or _is_held_out("language", group, language)


def split_column(groups: "Column", languages: "Column", voices: "Column") -> "pa.Array[Any]":
    """`split_of` for whole columns (nulls count as empty); each distinct value is hashed once."""
    group, group_names = _encoded(groups)
    language, language_names = _encoded(languages)
    voice, voice_names = _encoded(voices)
    pairs, pair = np.unique(group * len(language_names) + language, return_inverse=True)
    split_pairs = [divmod(int(code), len(language_names)) for code in pairs]
    held_out = (
        _mask(_is_held_out("concept", name) for name in group_names)[group],
        _mask(_is_held_out("language", group_names[g], language_names[t]) for g, t in split_pairs)[pair],
        _mask(bool(name) and _is_held_out("voice", name) for name in voice_names)[voice],
    )
    return pa.array([str(split) for split in Split]).take(pa.array(np.select(held_out, [1, 2, 3], default=0)))


def _is_held_out(*parts: str) -> bool:
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") < HELD_OUT_SHARE * 2**64


def _mask(answers: Iterable[bool]) -> NDArray[np.bool_]:
    return np.array(list(answers), dtype=bool)


def _encoded(column: "Column") -> tuple[NDArray[np.int64], list[str]]:
    flat = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    encoded = flat.dictionary_encode(null_encoding="encode")
    names = [name or "" for name in encoded.dictionary.to_pylist()]
    return encoded.indices.to_numpy().astype(np.int64), names
