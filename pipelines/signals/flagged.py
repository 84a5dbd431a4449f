"""Flagged words: a list per language, `flagged_words/<language>.txt`; a hit is a reason to look, not a verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from pipelines.signals.words import is_unspaced


@dataclass(frozen=True, kw_only=True, slots=True)
class FlaggedWords:
    """Of one language."""

    spaced: frozenset[str]
    """Compared with whole words, in small letters."""
    unspaced: tuple[str, ...]
    """Of scripts without spaces: found anywhere."""

    def count(self, text: str, tokens: Sequence[str]) -> int:
        """Hits in a text, given with its words."""
        within = sum(text.count(word) for word in self.unspaced)
        return within + sum(token.casefold() in self.spaced for token in tokens)


@cache
def flagged_words(language: str) -> FlaggedWords | None:
    """None where the language has no list."""
    file = resources.files("pipelines.signals") / "flagged_words" / f"{language}.txt"
    if not language.isalpha() or not file.is_file():
        return None
    lines = (line.partition("#")[0].strip().casefold() for line in file.read_text(encoding="utf-8").splitlines())
    words = sorted({line for line in lines if line})
    return FlaggedWords(
        spaced=frozenset(word for word in words if not is_unspaced(word)),
        unspaced=tuple(word for word in words if is_unspaced(word)),
    )


@cache
def flagged_languages() -> tuple[str, ...]:
    """The languages that have a list."""
    files = (file.name for file in (resources.files("pipelines.signals") / "flagged_words").iterdir())
    return tuple(sorted(name.removesuffix(".txt") for name in files if name.endswith(".txt")))
