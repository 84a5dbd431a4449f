"""Markdown tables in which nothing but our own markup is markup: captions, names and messages come from anywhere."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

import dagster as dg

MAX_CHARACTERS = 160
"""Of one text in a cell."""
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#|~!&$^])")
_MARKUP = re.compile(r"[\\`*\[\]<>|]")
_ADDRESS = re.compile(r"(?i)(://|@|www(?=\.)|xmpp(?=:)|mailto(?=:))")
_LONG_WORD = re.compile(r"(\S{40})(?=\S)")  # longer than a uid, which is copied from here
_JOINERS = "\u200c\u200d"  # of Persian and of emoji; every other invisible format character is left out
_BREAK = "\u2060"
"""WORD JOINER: not seen, and it takes the address out of what Markdown would make a link by itself."""

_MAY_BREAK = "\u200b"
"""ZERO WIDTH SPACE: without it a URL pushes the columns behind it out of sight."""


class Markup(str):
    """Markdown that we wrote ourselves; it goes into a cell as it is."""

    __slots__ = ()


def plain(text: str, *, max_characters: int = MAX_CHARACTERS) -> str:
    """Markdown that shows a text in one paragraph and does nothing else, whatever it holds."""
    return _SPECIAL.sub(r"\\\1", _LONG_WORD.sub(f"\\1{_MAY_BREAK}", _unlinked(text, max_characters)))


def words(text: str, *, max_characters: int = 300) -> str:
    """The same for what Dagster draws as a text: no escapes, and nothing that it could take for a link or markup."""
    return _MARKUP.sub(" ", _unlinked(text, max_characters))


def _unlinked(text: str, max_characters: int) -> str:
    shown = " ".join("".join(map(_visible, text[: 4 * max_characters])).split())
    if len(shown) > max_characters or len(text) > 4 * max_characters:
        shown = f"{shown[: max_characters - 3]}..."
    return _ADDRESS.sub(lambda found: _broken(found[1]), shown)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> dg.MarkdownMetadataValue:
    """Texts are shown as they are, numbers with separators; only `Markup` is Markdown."""
    lines = [_line(columns), _line([Markup("---")] * len(columns)), *(_line(row) for row in rows)]
    return dg.MetadataValue.md("\n".join(lines))


def counts(what: str, numbers: Mapping[str, int], *, of: int = 0, at_most: int = 50) -> dg.MarkdownMetadataValue:
    """Name -> number, the largest first, with its share of `of` where that is given."""
    largest_first: list[tuple[str, int]] = sorted(numbers.items(), key=lambda item: (-item[1], item[0]))
    shown: list[tuple[object, ...]] = [(name or "(none)", number) for name, number in largest_first[:at_most]]
    if rest := largest_first[at_most:]:
        shown.append((f"{len(rest):,} more", sum(number for _, number in rest)))
    if not of:
        return table([what, "number"], shown)
    return table([what, "number", "share"], [(*row, share(int(str(row[1])), of)) for row in shown])


def share(number: int, of: int) -> str:
    """In percent; a part that is there never reads as 0 or as everything."""
    percent = 100 * number / max(of, 1)
    if 0 < percent < 0.01:
        return "< 0.01%"
    if 99.99 < percent < 100:
        return "> 99.99%"
    return f"{percent:.2f}%"


def _visible(character: str) -> str:
    kind = unicodedata.category(character)
    if kind in {"Cc", "Zl", "Zp", "Zs"}:
        return " "
    if kind == "Cf":
        return character if character in _JOINERS else ""
    return "\ufffd" if kind == "Cs" else character


def _broken(words: str) -> str:
    return f"{words[0]}{_BREAK}{words[1:]}" if words == "://" else f"{words}{_BREAK}"


def _line(cells: Sequence[object]) -> str:
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(value: object) -> str:
    if isinstance(value, Markup):
        return value
    if isinstance(value, float):
        return f"{value:,.3f}"
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return f"{value:,}" if is_number else plain(str(value))
