"""Charts for Dagster's pages, which draw Markdown of fewer than 1,000 characters in place and hide the rest.

So these are terse: an SVG of one path and a few words inside a Markdown image. The data card has the large ones.
"""

from collections.abc import Mapping, Sequence

import dagster as dg

LIMIT = 1000
"""Characters, of the page's own rule (`mdStr.length < 1e3`)."""
WIDTH, HEIGHT = 300, 60
BLUE, ORANGE, GREY = "#47c", "#d62", "#888"
"""Readable on white and on black."""


def curve(points: Sequence[tuple[float, float]]) -> dg.MarkdownMetadataValue:
    """(x, y) points as a line, with the first and the last value."""
    if len(points) < 2:
        return dg.MetadataValue.md("too few points")
    chosen = [points[round(i * (len(points) - 1) / 39)] for i in range(40)] if len(points) > 40 else list(points)
    left, right = chosen[0][0], chosen[-1][0]
    low, high = min(y for _, y in chosen), max(y for _, y in chosen)
    places = (
        f"{(x - left) / ((right - left) or 1) * WIDTH:.0f} {(high - y) / ((high - low) or 1) * HEIGHT:.0f}"
        for x, y in chosen
    )
    line = f"<path d='M{'L'.join(places)}' fill='none' stroke='{BLUE}' stroke-width='2'/>"
    words = _text(0, HEIGHT + 14, f"{_short(left)}: {_short(chosen[0][1])}")
    words += _text(WIDTH, HEIGHT + 14, f"{_short(right)}: {_short(chosen[-1][1])}", anchor="end")
    return _image(line + words, height=HEIGHT + 18)


def histogram(counts: Sequence[int], *, low: float, median: float, high: float) -> dg.MarkdownMetadataValue:
    """How many values are in each of some equal bins, with the range and the median below."""
    step, tallest = WIDTH / max(len(counts), 1), max([*counts, 1])
    # Linear, but never so low that a bin with samples in it looks empty.
    tops = (HEIGHT - (max(1, round(count / tallest * HEIGHT)) if count else 0) for count in counts)
    steps = "".join(f"V{top}h{step:.0f}" for top in tops)
    area = f"<path d='M0 {HEIGHT}{steps}V{HEIGHT}z' fill='{BLUE}'/>"
    words = _text(0, HEIGHT + 14, _short(low)) + _text(WIDTH, HEIGHT + 14, _short(high), anchor="end")
    words += _text(WIDTH / 2, HEIGHT + 14, f"median {_short(median)}", anchor="middle")
    return _image(area + words, height=HEIGHT + 18)


def bars(numbers: Mapping[str, int], *, colour: str = BLUE) -> dg.MarkdownMetadataValue:
    """Name -> number as bars, the largest first; as many as fit."""
    rows = sorted(numbers.items(), key=_largest_first)
    for fitting in range(len(rows), -1, -1):
        rest = sum(number for _, number in rows[fitting:])
        shown = [*rows[:fitting], *([(f"{len(rows) - fitting} more", rest)] if rest else [])]
        image = _bars(shown, colour)
        if len(image.md_str or "") < LIMIT:
            return image
    return dg.MetadataValue.md("")


def _bars(rows: Sequence[tuple[str, int]], colour: str) -> dg.MarkdownMetadataValue:
    if not rows:
        return dg.MetadataValue.md("nothing")
    tallest, height = max([1, *(number for _, number in rows)]), 18
    words = "".join(_text(0, height * i + 12, f"{name} {number:,}") for i, (name, number) in enumerate(rows))
    lengths = ((i, max(1, round(number / tallest * 160))) for i, (_, number) in enumerate(rows))
    path = "".join(f"M190 {height * i + 3}h{length}v10h-{length}z" for i, length in lengths)
    return _image(f"{words}<path d='{path}' fill='{colour}'/>", height=height * len(rows), width=350)


def _largest_first(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


def _text(x: float, y: float, words: str, *, anchor: str = "") -> str:
    safe = "".join(character for character in words if character.isalnum() or character in " _.,:+-%")
    end = f" text-anchor='{anchor}'" if anchor else ""
    return f"<text x='{x:.0f}' y='{y:.0f}'{end}>{safe}</text>"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 1000 else f"{value:.3g}"


def _image(body: str, *, height: int, width: int = WIDTH) -> dg.MarkdownMetadataValue:
    style = f"font-family='sans-serif' font-size='11' fill='{GREY}'"
    svg = f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' {style}>{body}</svg>"
    for character, code in (("%", "%25"), ("<", "%3C"), (">", "%3E"), ("#", "%23")):
        svg = svg.replace(character, code)
    return dg.MetadataValue.md(f"![chart](<data:image/svg+xml,{svg}>)")
