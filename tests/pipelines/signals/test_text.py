import time

import pytest

from pipelines.signals import text
from pipelines.signals.text import Caption, detect_language, has_phone, measure_texts


def measured(words: str, language: str = "en") -> dict[str, object]:
    return {name: values[0] for name, values in measure_texts([Caption(text=words, language=language)]).items()}


SENTENCES = {
    "en": "the quick brown fox jumps over the lazy dog in the garden",
    "de": "der schnelle braune Fuchs springt über den faulen Hund",
    "fr": "le renard brun rapide saute par-dessus le chien paresseux",
    "es": "el rápido zorro marrón salta sobre el perro perezoso",
    "it": "la volpe veloce salta sopra il cane pigro nel giardino",
    "ru": "быстрая коричневая лиса прыгает через ленивую собаку",
    "ja": "すばやい茶色の狐がのろまな犬を飛び越える",
    "zh": "敏捷的棕色狐狸跳过了那只懒狗",
    "ar": "الثعلب البني السريع يقفز فوق الكلب الكسول",
}


@pytest.mark.parametrize("language", SENTENCES)
def test_sentences_are_identified_with_confidence(language):
    found, confidence = detect_language(SENTENCES[language])
    assert found == language
    assert 0.5 < confidence <= 1.0001


@pytest.mark.parametrize("words", ["123", "!!!", "😀"])
def test_texts_without_letters_are_undecided(words):
    assert detect_language(words) == ("und", 0.0)


def test_characters_are_code_points_and_shares_leave_spaces_out():
    found = measured("a 12 !?")
    assert found["characters"] == 7
    assert found["digit_share"] == pytest.approx(2 / 5)
    assert found["symbol_share"] == pytest.approx(2 / 5)


@pytest.mark.parametrize(
    ("words", "repetition"),
    [("one two three", 0), ("word", 0), ("buy buy buy buy", 2 / 3), ("red cat Red Cat", 1 / 3), ("哈哈哈哈", 2 / 3)],
)
def test_repetition_is_the_share_of_pairs_seen_before(words, repetition):
    assert measured(words)["repetition"] == pytest.approx(repetition)


@pytest.mark.parametrize(
    ("words", "there"),
    [
        ("see https://example.org/a?b", True),
        ("see www.example.de now", True),
        ("shop.example.com", True),
        ("a sentence.Community spirit", False),
        ("write to me@example.com", False),
        ("e.g. this", False),
    ],
)
def test_web_addresses_are_found(words, there):
    assert measured(words)["has_url"] is there


@pytest.mark.parametrize(
    ("words", "there"), [("write to ann.b+c@mail.example.co", True), ("@handle", False), ("5 @ 3.20", False)]
)
def test_mail_addresses_are_found(words, there):
    assert measured(words)["has_email"] is there


@pytest.mark.parametrize(
    ("words", "there"),
    [
        ("call +49 30 1234567", True),
        ("call +1 (555) 123-4567 today", True),
        ("(030) 123-4567", True),
        ("030/1234567", True),
        ("555-123-4567", True),
        ("on 2024-05-01", False),
        ("on 01.05.2024", False),
        ("1234567890 pixels", False),
        ("1 234 567,50", False),
        ("10 20 30 40 50 60", False),
        ("3.14159265358", False),
    ],
)
def test_telephone_numbers_are_found_and_dates_are_not(words, there):
    assert has_phone(words) is there


@pytest.mark.parametrize(
    ("words", "language", "hits"),
    [
        ("what a shitty Bastard", "en", 2),
        ("the class of Scunthorpe", "en", 0),
        ("verdammte Scheiße", "de", 1),
        ("Scheisse", "de-AT", 1),
        ("merde alors", "fr", 1),
        ("mierda", "es", 1),
        ("che stronzo", "it", 1),
        ("какое дерьмо", "ru", 1),
        ("你这个混蛋", "zh", 1),
        ("merde alors", "en", 0),
        ("the merde of the house is over there", "und", 0),
        ("a word", "eo", None),
    ],
)
def test_flagged_words_are_those_of_the_language(words, language, hits):
    assert measured(words, language)["flagged_word_hits"] == hits


def test_every_flagged_list_is_short_clean_and_findable():
    for language, words in text._flagged_lists().items():
        assert 10 <= len(words) <= 60, language
        for word in words:
            assert measured(word, language)["flagged_word_hits"] >= 1, (language, word)


def test_rows_keep_their_order():
    found = measure_texts([Caption(text="one"), Caption(text="one two"), Caption(text="!")])
    assert found["words"] == [1, 2, 0]


@pytest.mark.parametrize("words", ["a" * 200_000, "a." * 100_000, "0 " * 100_000, "+1 " * 60_000, "a@" * 100_000])
def test_no_text_makes_the_patterns_slow(words):
    start = time.monotonic()
    measured(words)
    assert time.monotonic() - start < 3
