"""The frame of a page that needs no other file: no scripts, nothing fetched; light and dark, on any width, printed."""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}"><meta name="referrer" content="no-referrer">
<title>{title}</title><style>{style}</style></head>
<body><a class="skip" href="#main">Skip to the content</a><main id="main">{body}</main></body></html>
"""


class Markup(str):
    """HTML that we wrote ourselves; it goes into a page as it is."""

    __slots__ = ()


def page(title: str, body: str) -> str:
    """A whole document; `body` is HTML, the title is text."""
    return _PAGE.format(title=escape(title), policy=_policy(), style=_style(), body=body)


def section(identifier: str, title: str, body: str, *, note: str = "") -> str:
    """A part of a page that its contents can lead to; `body` and `note` are HTML."""
    words = f"<p>{note}</p>" if note else ""
    return f'<section id="{identifier}"><h2>{escape(title)}</h2>{words}{body}</section>'


def contents(entries: Mapping[str, str]) -> str:
    """Identifier -> title of every section, as a bar of links that stays in sight."""
    links = (f'<a href="#{identifier}">{escape(title)}</a>' for identifier, title in entries.items())
    return f'<nav class="contents" aria-label="Contents">{"".join(links)}</nav>'


def tiles(figures: Iterable[tuple[str, int | str]]) -> str:
    """(name, figure) as large numbers side by side."""
    cells = (f"<div><b>{shown(value)}</b><span>{escape(name)}</span></div>" for name, value in figures)
    return f'<div class="figures">{"".join(cells)}</div>'


def facts(pairs: Iterable[tuple[str, object]]) -> str:
    """(name, value) one below the other."""
    lines = (f"<dt>{escape(name)}</dt><dd>{shown(value)}</dd>" for name, value in pairs)
    return f'<dl class="facts">{"".join(lines)}</dl>'


def table(
    head: Sequence[str], rows: Iterable[Sequence[object]], *, is_words: bool = False, kind: str = "", caption: str = ""
) -> str:
    """Texts are text, whatever they hold; numbers get separators. Columns of words are left-aligned and wrap.

    The first cell of a row is its heading. A table that is too wide scrolls, by the keyboard too.
    """
    lines = "".join(
        f'<tr><th scope="row">{shown(first)}</th>{"".join(f"<td>{shown(cell)}</td>" for cell in rest)}</tr>'
        for first, *rest in rows
    )
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    about = f"<caption>{escape(caption)}</caption>" if caption else ""
    classes = " ".join(filter(None, ("scroll", "words" if is_words else "", kind)))
    label = escape(caption or ", ".join(filter(None, head)))
    return (
        f'<div class="{classes}" tabindex="0" role="region" aria-label="{label}"><table>{about}'
        f"<thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def shown(value: object) -> str:
    """HTML of one value: numbers with separators, our own markup as it is, everything else as text."""
    if isinstance(value, Markup):
        return value
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else escape(str(value))


def _line(first: object, rest: Sequence[object]) -> str:
    cells = "".join(f"<td>{shown(cell)}</td>" for cell in rest)
    return f'<tr><th scope="row">{shown(first)}</th>{cells}</tr>'


def _policy() -> str:
    """Nothing is loaded or run but what stands in the page; of styles only ours, so that no text can bring one."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; img-src data:; media-src data:; style-src 'sha256-{digest}'; base-uri 'none'; "
        "form-action 'none'"
    )


@cache
def _style() -> str:
    return (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
