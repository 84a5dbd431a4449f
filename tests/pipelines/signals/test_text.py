import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.signals.flagged import flagged_languages, flagged_words
from pipelines.signals.text import Caption, measure_texts


def measured(words: str, language: str = "en") -> dict[str, object]:
    return {name: values[0] for name, values in measure_texts([Caption(text=words, language=language)]).items()}


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
    assert measured(words)["has_phone"] is there


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
        ("そこの馬鹿", "ja", 1),
        ("que merda é essa", "pt-BR", 1),
        ("انت احمق", "ar", 1),  # right to left
        ("merde alors", "en", 0),
        ("the merde of the house is over there", "und", 0),
        ("a word", "eo", None),
    ],
)
def test_flagged_words_are_those_of_the_language(words, language, hits):
    assert measured(words, language)["flagged_word_hits"] == hits


def test_every_flagged_list_is_short_clean_and_findable():
    assert {"ar", "de", "en", "es", "fa", "fr", "id", "it", "ja", "ko", "pt", "ru", "tr", "zh"} <= set(
        flagged_languages()
    )
    for language in flagged_languages():
        found = flagged_words(language)
        words = (*found.spaced, *found.unspaced)
        assert 10 <= len(words) <= 60, language
        for word in words:
            assert measured(word, language)["flagged_word_hits"] >= 1, (language, word)


def test_rows_keep_their_order():
    found = measure_texts([Caption(text="one"), Caption(text="one two"), Caption(text="!")])
    assert found["words"] == [1, 2, 0]


@pytest.mark.parametrize(
    "words",
    [
        "a" * 1_000_000,
        "a." * 100_000,
        "0 " * 100_000,
        "+1 " * 60_000,
        "a@" * 100_000,
        "4111 " * 40_000,
        "1.2.3." * 30_000,
        "a1:" * 60_000,
        "DE44 " * 40_000,
        "https://a.org/" * 60_000,
        "\u0301" * 200_000,
        "红" * 330_000,
    ],
)
def test_no_text_makes_the_patterns_slow(words):
    start = time.process_time()
    measured(words)
    assert time.process_time() - start < 3


@given(st.text(max_size=80))
@settings(max_examples=200, deadline=None)
def test_every_text_has_figures_in_range(words):
    row = measured(words, "und")
    assert row["characters"] == len(words)
    assert 0 <= row["symbol_share"] + row["digit_share"] <= 1
    assert 0 <= row["repetition"] < 1
    assert 0 <= row["detected_language_confidence"] <= 1
    assert row["words"] <= max(1, len(words))
    if not any(unicodedata.category(one).startswith("L") for one in words):
        assert row["detected_language"] == "und"


@given(st.lists(st.sampled_from(["a red apple", "ein roter Apfel", "红苹果", "", "1 + 1", "تفاحة حمراء"]), max_size=6))
@settings(max_examples=40, deadline=None)
def test_rows_do_not_depend_on_their_neighbours(words):
    found = measure_texts([Caption(text=one, language="und") for one in words])
    for place, one in enumerate(words):
        assert {name: values[place] for name, values in found.items()} == measured(one, "und")
