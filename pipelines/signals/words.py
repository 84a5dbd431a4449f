"""Words of any script: what counts as one, and what two captions must share to be called the same."""

import re
import unicodedata
from functools import cache, lru_cache
from itertools import groupby

# Scripts written without spaces, with the letters that make about one word; dictionaries would be exact, and megabytes
# per language.
_CJK = (
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
_SOUTH_EAST_ASIAN = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
_CHARACTERS_PER_WORD = ((re.compile(f"[{_CJK}]"), 2), (re.compile(f"[{_SOUTH_EAST_ASIAN}]"), 4))
_UNSPACED = re.compile(f"[{_CJK}{_SOUTH_EAST_ASIAN}]")
_LAST_MARK = 0x1FFFF


def tokens_of(text: str) -> list[str]:
    """Words in order; in scripts without spaces every character that is not a mark."""
    if _UNSPACED.search(text):
        text = _UNSPACED.sub(r" \g<0> ", text)
    return _word_pattern().findall(text)


def count_words(tokens: list[str]) -> int:
    """Spaced words, plus the characters of scripts without spaces over their usual number per word."""
    words = len(tokens)
    single = "".join(token for token in tokens if len(token) == 1)
    for script, per_word in _CHARACTERS_PER_WORD:
        characters = len(script.findall(single))
        words += -(-characters // per_word) - characters
    return words


@lru_cache(maxsize=1 << 16)
def quarter_words(token: str) -> int:
    """What a token of `tokens_of` is worth, in quarters of a word: a character of a script without spaces is a part."""
    if len(token) == 1:
        for script, per_word in _CHARACTERS_PER_WORD:
            if script.match(token):
                return 4 // per_word
    return 4


def count_symbols(text: str) -> int:
    """Characters that are neither spaces nor parts of words."""
    return len(_symbol_pattern().findall(text))


def is_unspaced(word: str) -> bool:
    """Whether the word holds characters of a script without spaces."""
    return bool(_UNSPACED.search(word))


def normalise(text: str) -> str:
    """The text without what copies change (case, compatibility forms, punctuation, spacing); never empty for a text."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    words = _gap_pattern().sub(" ", folded).strip()
    return words or " ".join(folded.split())


@cache
def _marks() -> str:
    """Combining marks as ranges of a character class: Python's \\w leaves out the vowel signs of half of Asia."""
    points = (point for point in range(_LAST_MARK) if unicodedata.category(chr(point)).startswith("M"))
    runs = ([point for _, point in run] for _, run in groupby(enumerate(points), lambda pair: pair[1] - pair[0]))
    return "".join(f"{chr(run[0])}-{chr(run[-1])}" for run in runs)


@cache
def _word_pattern() -> re.Pattern[str]:
    return re.compile(rf"[^\W_][\w{_marks()}'’\-]*")


@cache
def _symbol_pattern() -> re.Pattern[str]:
    return re.compile(rf"[^\w\s{_marks()}]|_")


@cache
def _gap_pattern() -> re.Pattern[str]:
    return re.compile(rf"(?:[^\w{_marks()}]|_)+")
