"""What is compared and what is emitted: texts as they are said, and the characters that a model knows."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

BLANK = 0
"""Unit of the frames at which nothing new is said."""
_APOSTROPHES = str.maketrans({"\u2019": "'", "\u02bc": "'"})


def plain(text: str) -> str:
    """As speech is scored: Unicode NFC, small letters, no punctuation or symbols but apostrophes inside of words, one
    space between words."""
    lower = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower()).translate(_APOSTROPHES)
    kept = "".join(character if _is_said(character) else " " for character in lower)
    return " ".join(word for part in kept.split() if (word := part.strip("'")))


def _is_said(character: str) -> bool:
    return character == "'" or unicodedata.category(character)[0] in "LMN"


@dataclass(frozen=True)
class Alphabet:
    """Characters as units 1 to n; 0 is CTC's blank."""

    characters: tuple[str, ...]

    @classmethod
    def learnt(cls, transcripts: Iterable[str], *, min_count: int = 1) -> "Alphabet":
        """Of plain transcripts, in order of code points; those that are rarer than `min_count` are left out."""
        counts = Counter(character for text in transcripts for character in text)
        return cls(tuple(sorted(character for character, count in counts.items() if count >= min_count)))

    def __len__(self) -> int:
        """With the blank."""
        return len(self.characters) + 1

    @cached_property
    def units(self) -> Mapping[str, int]:
        """Character -> unit."""
        return {character: number for number, character in enumerate(self.characters, start=1)}

    def encode(self, transcript: str) -> list[int]:
        """Units of the known characters; `unknown` counts the others."""
        return [self.units[character] for character in transcript if character in self.units]

    def unknown(self, transcript: str) -> int:
        """How many of its characters are no units."""
        return sum(character not in self.units for character in transcript)

    def decode(self, units: Sequence[int]) -> str:
        """The text of units without blanks."""
        return "".join(self.characters[unit - 1] for unit in units)


def frames_needed(units: Sequence[int]) -> int:
    """Frames in which CTC can emit them: one each, and a blank between two equal ones."""
    return len(units) + sum(first == second for first, second in pairwise(units))


def lexicon_of(transcripts: Iterable[tuple[str, str]], *, most: int) -> dict[str, dict[str, int]]:
    """Language -> word -> how often, of (language, plain transcript); the `most` frequent words of each language."""
    counts: dict[str, Counter[str]] = {}
    for language, transcript in transcripts:
        counts.setdefault(language, Counter()).update(transcript.split())
    return {
        language: dict(sorted(words.items(), key=lambda item: (-item[1], item[0]))[:most])
        for language, words in sorted(counts.items())
    }
