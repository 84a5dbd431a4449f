"""Whatever a caption holds, a table shows it and does nothing else with it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.markdown import Markup, counts, plain, share, table, words
from assets.metadata import MAX_PICTURE_CHARACTERS, samples_table
from tests.conftest import flac, png

NASTY = [
    "[click](javascript:alert(1))", "![x](http://evil.example/x.png)", "<img src=x onerror=alert(1)>",
    "a | b", "# head", "line\nline", "`code`", "**bold** _it_", "&lt;img&gt;", "<http://evil.example>", "~~x~~", "$x$",
]  # fmt: skip


def unescaped(text: str) -> str:
    """What is left of a Markdown text without its escaped characters."""
    return re.sub(r"\\.", "", text)


@pytest.mark.parametrize("text", NASTY)
def test_markup_in_a_text_is_shown_not_obeyed(text: str) -> None:
    assert not set(unescaped(plain(text))) & set("[]()<>|`*_#&~$!\\\n")


@pytest.mark.parametrize("text", ["http://evil.example", "HTTPS://evil.example", "www.evil.example", "me@evil.example"])
def test_an_address_is_no_link(text: str) -> None:
    shown = plain(text)
    assert "\u2060" in shown
    assert not re.search(r"(?i)https?://|www\.|\w@\w", shown)


def test_what_nobody_sees_is_left_out_and_joined_letters_stay() -> None:
    assert plain("a\u202eb\u2066c\u200fd\x00e\ufeff") == "abcd e"
    assert plain("lone \ud800 half") == "lone \ufffd half"
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    assert plain(family) == family
    assert plain("\u0634\u0627\u0628") == "\u0634\u0627\u0628"


def test_a_long_word_may_break_and_a_uid_stays_whole() -> None:
    assert plain("a" * 32) == "a" * 32
    assert plain("x" * 50).replace("\u200b", "") == "x" * 50
    assert "\u200b" in plain("x" * 50)


@pytest.mark.parametrize("text", [*NASTY, "http://evil.example me@evil.example www.evil.example"])
def test_words_for_a_description_hold_no_markup_and_no_address(text: str) -> None:
    shown = words(text)
    assert not set(shown) & set("[]<>`*|\\\n")
    assert not re.search(r"(?i)https?://|www\.|\w@\w", shown)


def test_a_long_text_is_cut() -> None:
    assert plain("x " * 1_000_000) == "x " * 78 + "x..."


@given(st.text())
def test_a_table_has_one_line_for_a_row_and_one_cell_for_a_value(text: str) -> None:
    lines = (table(["a", "b"], [[text, 1]]).md_str or "").split("\n")
    assert len(lines) == 3
    assert len(unescaped(lines[2]).split("|")) == 4


def test_numbers_are_numbers_and_our_own_markup_stays() -> None:
    text = table(["n"], [[1234], [0.5], [True], [Markup("**us**")], ["**them**"]]).md_str or ""
    assert text.splitlines()[2:] == ["| 1,234 |", "| 0.500 |", "| True |", "| **us** |", r"| \*\*them\*\* |"]


def test_counts_come_largest_first_with_their_share_and_the_rest_is_summed() -> None:
    text = counts("kind", {"a": 1, "": 6, "c": 2, "d": 1}, of=10, at_most=2).md_str or ""
    assert text.splitlines()[2:] == [r"| \(none\) | 6 | 60.00% |", "| c | 2 | 20.00% |", "| 2 more | 2 | 20.00% |"]


def test_a_part_that_is_there_never_reads_as_nothing_or_as_everything() -> None:
    shares = [share(*pair) for pair in ((0, 10), (1, 10**6), (10**6 - 1, 10**6), (10, 10), (0, 0))]
    assert shares == ["0.00%", "< 0.01%", "> 99.99%", "100.00%", "0.00%"]


def test_samples_have_pictures_and_drawn_clips_of_bounded_size_and_no_markup_of_their_own() -> None:
    row = {"caption": NASTY[2], "language": "en", "duration_seconds": 0.5, "uid": "0" * 32}
    rows = [
        (png(1), flac(1), row),
        (None, flac(2, 30.0), row),
        (b"broken", b"broken", {**row, "duration_seconds": None}),
    ]
    lines = (samples_table(rows).md_str or "").splitlines()[2:]
    assert [line.count("![picture](data:image/webp") for line in lines] == [1, 0, 0]
    assert [line.count("![clip](data:image/svg+xml") for line in lines] == [1, 1, 0]
    assert all(len(line) < MAX_PICTURE_CHARACTERS + 3000 for line in lines)
    assert not any("<img" in unescaped(line) for line in lines)
    assert "not readable" in lines[2]
