"""The text family: length, language, repetition, symbols, personal data and flagged words of captions."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pipelines.signals import columns
from pipelines.signals.flagged import flagged_words
from pipelines.signals.language import detect_language
from pipelines.signals.personal import count_personal
from pipelines.signals.words import count_symbols, count_words, tokens_of

_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, kw_only=True, slots=True)
class Caption:
    """A primary caption with the language somebody declared for it, "und" where nobody did."""

    text: str
    language: str = "und"


def measure_texts(captions: Sequence[Caption]) -> dict[str, list[Any]]:
    """The columns of `text@2`, one row per caption."""
    detected = [detect_language(caption.text) for caption in captions]
    rows = measure_known(captions, [language for language, _ in detected])
    for row, (language, confidence) in zip(rows, detected, strict=True):
        row |= {"detected_language": language, "detected_language_confidence": confidence}
    return {column.name: [row[column.name] for row in rows] for column in columns.TEXT}


def measure_known(captions: Sequence[Caption], languages: Sequence[str]) -> list[dict[str, Any]]:
    """Everything but the language, for which every caption is taken where nobody declared one; one dict per caption."""
    return [_measure(caption, language) for caption, language in zip(captions, languages, strict=True)]


def _measure(caption: Caption, detected: str) -> dict[str, Any]:
    text = caption.text
    tokens = tokens_of(text)
    solid = max(1, len("".join(text.split())))
    personal = count_personal(text)
    declared = caption.language.partition("-")[0].lower()
    flagged = flagged_words(detected if declared == "und" else declared)
    return {
        "characters": len(text),
        "words": count_words(tokens),
        "repetition": _repetition(tokens),
        "symbol_share": count_symbols(text) / solid,
        "digit_share": len(_DIGIT.findall(text)) / solid,
        **personal,
        "has_url": personal["num_urls"] > 0,
        "has_email": personal["num_emails"] > 0,
        "has_phone": personal["num_phones"] > 0,
        "flagged_word_hits": None if flagged is None else flagged.count(text, tokens),
    }


def _repetition(tokens: Sequence[str]) -> float:
    words = [token.casefold() for token in tokens]
    pairs = list(pairwise(words))
    return 1.0 - len(set(pairs)) / len(pairs) if pairs else 0.0
