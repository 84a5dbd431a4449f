import pytest

from pipelines.signals.words import count_symbols, count_words, normalise, tokens_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("grinning face with big eyes", 5),
        ("don't stop: well-known l'arc", 4),
        ("  spaces,\tcommas;and\nlines ", 4),
        ("!!! ... ---", 0),
        ("", 0),
        ("room 101", 2),
        ("snake_case", 1),
        ("красное яблоко", 2),
        ("πορτοκαλί γάτα", 2),
        ("قطة تضحك", 2),  # right to left
        ("חתול מחייך", 2),
        ("हँसता हुआ चेहरा", 3),  # vowel signs are not letters to Python
        ("웃는 얼굴", 2),  # Hangul is spaced
        ("红苹果", 2),
        ("我喜欢吃红苹果", 4),
        ("赤いりんご", 3),
        ("ใบหน้ายิ้ม", 2),
        ("iPhone手机壳", 3),
    ],
)
def test_words_are_counted_in_every_script(text, words):
    assert count_words(tokens_of(text)) == words


def test_tokens_keep_their_order_across_scripts():
    assert tokens_of("red 红苹果 apple") == ["red", "红", "苹", "果", "apple"]


@pytest.mark.parametrize(
    ("text", "symbols"), [("a b", 0), ("a!b?", 2), ("_", 1), ("हँसता", 0), ("😀 5 %", 2), ("ใบหน้า", 0), ("１２", 0)]
)
def test_symbols_are_what_is_no_part_of_words(text, symbols):
    assert count_symbols(text) == symbols


@pytest.mark.parametrize(
    ("left", "right"), [("Red  apple!", "red apple"), ("ＲＥＤ", "red"), ("Straße", "STRASSE"), ("a-b", "a b")]
)
def test_copies_normalise_to_one_text(left, right):
    assert normalise(left) == normalise(right)


@pytest.mark.parametrize(("left", "right"), [("हँसता", "हसता"), ("!!", "??"), ("😀", "😁"), ("café", "cafe")])
def test_different_texts_stay_different(left, right):
    assert normalise(left) != normalise(right)


def test_a_text_never_normalises_to_nothing():
    assert normalise("!?") == "!?"
