"""The text family: length, language, repetition, symbols, personal data and flagged words of captions."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Any

from pipelines.signals.words import count_symbols, count_words, is_unspaced, tokens_of

_LANGUAGE_CHARACTERS = 2000  # enough to decide; bounds the time of a long text
_URL = re.compile(
    r"(?:https?|ftp)://\S|\bwww\.\w|(?<![@\w.-])(?:[a-z0-9-]{1,63}\.){1,4}(?:com|org|net|edu|gov|info|io|de|fr|es|it|ru|uk)\b(?!@)",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{2,63})+")
# +49 30 123456; (030) 123-4567; 030/1234567; 555-123-4567. Not a date (2024-05-01), not a bare number.
_PHONE = re.compile(
    r"(?<![\w.])(?:\+\d{1,3}(?:[ ./-]?\(?\d{1,5}\)?){2,5}"
    r"|\(\d{2,5}\)[ -]?\d{3,4}(?:[ -]?\d{2,4}){1,2}"
    r"|0\d{1,4}[ /-]\d{2,4}(?:[ -]?\d{2,4}){1,3}"
    r"|\d{3}[ .-]\d{3}[ .-]\d{4})(?![\w-])"
)
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, kw_only=True, slots=True)
class Caption:
    """A primary caption with the language somebody declared for it, "und" where nobody did."""

    text: str
    language: str = "und"


def measure_texts(captions: Sequence[Caption]) -> dict[str, list[Any]]:
    """The columns of `text@1`, one row per caption."""
    rows = [_measure(caption) for caption in captions]
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}


def _measure(caption: Caption) -> dict[str, Any]:
    text = caption.text
    tokens = tokens_of(text)
    solid = max(1, len("".join(text.split())))
    language, confidence = detect_language(text)
    declared = caption.language.partition("-")[0].lower()
    return {
        "characters": len(text),
        "words": count_words(tokens),
        "detected_language": language,
        "detected_language_confidence": confidence,
        "repetition": _repetition(tokens),
        "symbol_share": count_symbols(text) / solid,
        "digit_share": len(_DIGIT.findall(text)) / solid,
        "has_url": bool(_URL.search(text)),
        "has_email": "@" in text and bool(_EMAIL.search(text)),
        "has_phone": has_phone(text),
        "flagged_word_hits": _flagged_hits(text, tokens, language if declared == "und" else declared),
    }


def detect_language(text: str) -> tuple[str, float]:
    """The likeliest language (ISO 639-1) and its probability; ("und", 0) where the text has no feature of any."""
    identifier = _identifier()
    language, confidence = identifier.classify(text[:_LANGUAGE_CHARACTERS])
    featureless = confidence < 2.5 / len(identifier.nb_classes)  # one language may stand twice, by script
    return ("und", 0.0) if featureless else (str(language), min(1.0, float(confidence)))


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def has_phone(text: str) -> bool:
    """Whether 7 to 15 digits are written the way telephone numbers are."""
    if len(_DIGIT.findall(text)) < 7:
        return False
    return any(7 <= len(_DIGIT.findall(match.group())) <= 15 for match in _PHONE.finditer(text))


def _repetition(tokens: Sequence[str]) -> float:
    words = [token.casefold() for token in tokens]
    pairs = list(pairwise(words))
    return 1.0 - len(set(pairs)) / len(pairs) if pairs else 0.0


def _flagged_hits(text: str, tokens: Sequence[str], language: str) -> int | None:
    flagged = _flagged_lists().get(language)
    if flagged is None:
        return None
    within = sum(text.count(word) for word in flagged if is_unspaced(word))
    return within + sum(token.casefold() in flagged for token in tokens if not is_unspaced(token))


@cache
def _flagged_lists() -> dict[str, frozenset[str]]:
    """Language -> words; a file holds one word a line, in small letters, and `#` comments."""
    folder = resources.files("pipelines.signals") / "flagged_words"
    files = (file for file in folder.iterdir() if file.name.endswith(".txt"))
    return {file.name.removesuffix(".txt"): _words_in(file.read_text(encoding="utf-8")) for file in files}


def _words_in(content: str) -> frozenset[str]:
    lines = (line.partition("#")[0].strip().casefold() for line in content.splitlines())
    return frozenset(line for line in lines if line)
