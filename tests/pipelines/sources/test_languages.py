import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sources.languages import split_language, tag_of


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("a", ("a", "")),
        ("a.fr", ("a", "fr")),
        ("a.pt_BR", ("a", "pt_BR")),
        ("a.zh-TW", ("a", "zh-TW")),
        ("a.zh-Hant", ("a", "zh-Hant")),
        ("a.sr-Latn-RS", ("a", "sr-Latn-RS")),
        ("a.es-419", ("a", "es-419")),
        ("a.fil-PH", ("a", "fil-PH")),
        ("a.fr.2", ("a", "fr")),
        ("a.2.fr", ("a", "fr")),
        ("a.2", ("a", "")),
        ("img.old", ("img.old", "")),
        ("img.raw", ("img.raw", "")),
        ("img.1-2", ("img.1-2", "")),
        ("img.no-way", ("img.no-way", "")),
        ("fr", ("fr", "")),
        (".fr", (".fr", "")),
        ("a.en.fr", ("a.en", "fr")),
    ],
)
def test_a_language_or_number_stands_between_stem_and_suffix(base: str, expected: tuple[str, str]):
    assert split_language(base) == expected


def test_three_letters_are_a_language_where_the_corpus_declares_them():
    assert split_language("img.fil", ("fil", "en")) == ("img", "fil")
    assert split_language("img.ca_valencia", ("ca-valencia",)) == ("img", "ca_valencia")
    assert split_language("img.old", ("fil", "en")) == ("img.old", "")


@given(st.text(alphabet="ab.-_2frOld", max_size=12))
def test_what_is_split_off_can_be_put_back_except_numbers(base: str):
    stem, language = split_language(base)
    assert base.startswith(stem)
    assert tag_of(language) in tag_of(base)
