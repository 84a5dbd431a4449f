import pytest

from pipelines.sources.code_points import category_of, names_of, skin_tone_of, thing_of


def points(code: str) -> tuple[str, ...]:
    return tuple(code.split("-"))


@pytest.mark.parametrize(
    ("code", "thing"),
    [
        ("1F600", "1F600"),
        ("1F44D-1F3FD", "1F44D"),
        ("2764-FE0F", "2764"),
        ("1F468-1F3FD-200D-1F680", "1F9D1-200D-1F680"),
        ("1F469-200D-1F680", "1F9D1-200D-1F680"),
        ("1F3C3-1F3FB-200D-2640-FE0F", "1F3C3"),
        ("1F3C3-200D-2642-FE0F-200D-27A1-FE0F", "1F3C3-200D-27A1"),
        ("1F468", "1F9D1"),
        ("1F3FB", "1F3FB"),
        ("2640", "2640"),
    ],
)
def test_skin_tone_and_gender_do_not_make_another_thing(code: str, thing: str):
    assert thing_of(points(code)) == thing


def test_names_come_in_fourteen_languages_without_underscores():
    names = names_of(points("1F600"))
    assert len(names) == 14
    assert (names["en"], names["de"]) == ("grinning face", "grinsendes gesicht")
    assert names_of(points("2764-FE0F")) == names_of(points("2764")) != {}
    assert names_of(points("E000")) == {}


@pytest.mark.parametrize(
    ("code", "category"),
    [
        ("1F436", "Animals & Nature"),
        ("1F44D-1F3FD", "People & Body"),
        ("1F468-1F3FD-200D-1F680", "People & Body"),
        ("1F1EB-1F1F7", "Flags"),
        ("1F3FB", "Component"),
        ("E000", ""),
    ],
)
def test_a_category_is_that_of_the_emoji_without_skin_tone(code: str, category: str):
    assert category_of(points(code)) == category


def test_a_swatch_is_no_variant():
    assert (skin_tone_of(points("1F44D-1F3FD")), skin_tone_of(points("1F3FD"))) == ("1F3FD", "")
