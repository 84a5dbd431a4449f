"""Which language a caption is in, by two libraries and the script.

eldc knows 60 languages and is right where captions are short; py3langid knows 80 more, is slower and easily led astray
by a name. So eldc goes first, and py3langid is asked where eldc is not sure: for a language that eldc does not know,
and whether Malay is Indonesian.
"""

import re
from functools import cache
from typing import Any

UNDECIDED = ("und", 0.0)
_CHARACTERS = 2000  # enough to decide; bounds the time of a long text
_KANA = re.compile("[\u3040-\u30ff\uff66-\uff9f]")
_LETTER = re.compile(r"[^\W\d_]")
_SURE = 0.8
"""Probability from which py3langid is believed where eldc is not sure; under it neither knows the language."""


def detect_language(text: str) -> tuple[str, float]:
    """The likeliest language (ISO 639-1, 639-3 where it has no shorter code) and how sure it is, 0 to 1; ("und", 0)
    where undecided."""
    start = text[:_CHARACTERS]
    if not _LETTER.search(start):
        return UNDECIDED
    found = _eldc().detect_details(start)
    language = str(found.language)
    if not found.reliable and (other := _beyond_eldc(start)):
        return other
    if language == "und":
        return UNDECIDED
    score = min(1.0, float(next(iter(found.scores.values()))))
    if language == "zh" and _KANA.search(start):  # Chinese has no kana
        return "ja", score
    if language == "ms":  # eldc does not tell the two apart
        return _malay_or_indonesian(start), score
    return language, score


def _beyond_eldc(text: str) -> tuple[str, float] | None:
    """What py3langid says with confidence; None for the languages that eldc would have known."""
    language, probability = _py3langid().classify(text)
    is_new = probability >= _SURE and language not in _eldc().LANGUAGES
    return (str(language), min(1.0, float(probability))) if is_new else None


def _malay_or_indonesian(text: str) -> str:
    return next(str(language) for language, _ in _py3langid().rank(text) if language in {"id", "ms"})


@cache
def _eldc() -> Any:
    import eldc

    eldc.init()
    return eldc


@cache
def _py3langid() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
