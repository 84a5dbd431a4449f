import pytest

from mmmodels.speech.transcripts import Alphabet, frames_needed, lexicon_of, plain


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Flag: C\u00f4te d\u2019Ivoire!", "flag c\u00f4te d'ivoire"),
        ("Cafe\u0301", "caf\u00e9"),
        ("'quoted' rock-n-roll", "quoted rock n roll"),
        ("  #1,  two ", "1 two"),
        ("\u041a\u041e\u0422", "\u043a\u043e\u0442"),
        ("?!", ""),
    ],
)
def test_texts_are_compared_as_they_are_said(text: str, said: str):
    assert plain(text) == said


def test_rare_characters_are_no_units_and_are_counted():
    alphabet = Alphabet.learnt(["abba", "abc"], min_count=2)
    assert alphabet.characters == ("a", "b")
    assert (alphabet.encode("cab"), alphabet.unknown("cab")) == ([1, 2], 1)
    assert alphabet.decode([1, 2]) == "ab"


def test_two_equal_letters_take_a_frame_more():
    assert frames_needed([1, 2, 1]) == 3
    assert frames_needed([1, 1, 1]) == 5


def test_a_lexicon_keeps_the_most_frequent_words_of_each_language():
    assert lexicon_of([("en", "a b b"), ("fr", "c")], most=1) == {"en": {"b": 2}, "fr": {"c": 1}}
