"""The page of a difference: what came and went between two views, and why."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from pipelines.reporting.page import page, table, tiles

if TYPE_CHECKING:
    from pipelines.curation.diff_histograms import Histogram
    from pipelines.curation.diffing import Difference

_COLOURS = {"both": "#8593a3", "added": "#2a9d74", "removed": "#d9662b"}
_MOST = 12
"""Rows of a table; what is left is counted."""
_WIDTH, _HEIGHT = 400, 176


def difference_page(found: "Difference", histograms: "Sequence[Histogram]") -> str:
    """A whole document that needs no other file."""
    totals = found.totals
    names = [f"{view.view}/{view.digest[:12]}" for view in (found.old, found.new)]
    figures = [
        ("kept before", totals.num_old), ("kept now", totals.num_new), ("added", totals.num_added),
        ("removed", totals.num_removed), ("in another split", totals.num_moved),
        ("with another weight", totals.num_reweighted), ("withdrawn since", found.num_withdrawn[1]),
    ]  # fmt: skip
    parts = [
        f"<h1>From {escape(names[0])} to {escape(names[1])}</h1>",
        tiles(figures),
        _inputs(found),
        *(_causes(found, change) for change in ("added", "removed")),
        _reasons(found.reasons),
        _histograms(histograms),
        *_shifts(found.shifts),
    ]
    return page(f"{names[0]} to {names[1]}", "".join(parts))


def _inputs(found: "Difference") -> str:
    rows = [(f"{one.what} {one.name}".strip(), _shown(one.old), _shown(one.new)) for one in found.inputs]
    changed = table(["input", "before", "now"], rows, is_words=True) if rows else "<p>All inputs are the same.</p>"
    text = escape("\n".join(found.policy))
    rules = f'<h3>Rules</h3><div class="scroll"><pre>{text}</pre></div>' if text else ""
    return f"<h2>What was decided otherwise</h2>{changed}{rules}"


def _causes(found: "Difference", change: str) -> str:
    rows = [row for row in found.causes if row["change"] == change]
    if not rows:
        return ""
    what = "let go of them" if change == "added" else "took hold of them"
    note = (
        f"<p>Which fault {what}. <i>Alone</i>: no other fault had the sample, so this one decided. One with several "
        "counts as <i>first</i> once, and as <i>any</i> for each; <i>absent</i>: the other pool has no such sample.</p>"
    )
    cells = [(row["cause"], row["num_only"], row["num_first"], row["num_any"]) for row in rows]
    return f"<h2>{change.capitalize()}, by cause</h2>{note}{table(['fault', 'alone', 'first', 'any'], cells)}"


def _reasons(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    cells = [(f"{row['old_fault']} \u2192 {row['new_fault']}", row["num_samples"]) for row in rows[:_MOST]]
    return f"<h2>Dropped by both, for another reason</h2>{table(['first fault', 'samples'], cells)}{_left(rows)}"


def _shifts(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for section in dict.fromkeys(row["section"] for row in rows):
        own = [row for row in rows if row["section"] == section]
        if len(own) > 1:
            cells = [
                (row["value"] or "none", row["num_old"], row["num_new"], f"+{row['num_added']:,}",
                 f"-{row['num_removed']:,}", _change(row))
                for row in own[:_MOST]
            ]  # fmt: skip
            head = [section, "before", "now", "added", "removed", "change"]
            yield f"<h2>By {escape(section)}</h2>{table(head, cells)}{_left(own)}"


def _change(row: Mapping[str, Any]) -> str:
    if not row["num_old"]:
        return "new"
    return f"{100 * (row['num_new'] / row['num_old'] - 1):+.1f} %"


def _left(rows: Sequence[object]) -> str:
    return f"<p>and {len(rows) - _MOST:,} more</p>" if len(rows) > _MOST else ""


def _histograms(found: "Sequence[Histogram]") -> str:
    if not found:
        return ""
    note = "<p>Samples by what the rules compare. Dashed: thresholds before (grey) and now.</p>"
    return f'<h2>Where the rules cut</h2>{note}<div class="charts">{_legend()}{"".join(map(_chart, found))}</div>'


def _legend() -> str:
    """Colours as attributes: the page's policy lets no style stand in its text."""
    parts = [
        f'<rect fill="{colour}" x="{12 + 100 * number}" y="8" width="10" height="10"/>'
        f"{_text(28 + 100 * number, 17, name, 'start', 12)}"
        for number, (name, colour) in enumerate(_COLOURS.items())
    ]
    return f'<svg viewBox="0 0 {_WIDTH} 26" role="img" aria-label="{", ".join(_COLOURS)}">{"".join(parts)}</svg>'


def _chart(one: "Histogram") -> str:
    tallest = max(map(sum, zip(*one.counts.values(), strict=True))) or 1
    step = (_WIDTH - 24) / len(one.counts["both"])
    bars = []
    for number, stack in enumerate(zip(*(one.counts[name] for name in _COLOURS), strict=True)):
        top = 150.0
        for colour, count in zip(_COLOURS.values(), stack, strict=True):
            height = 110 * count / tallest
            top -= height
            if count:
                bars.append(
                    f'<rect fill="{colour}" x="{12 + number * step:.1f}" y="{top:.1f}" width="{max(step - 1, 1):.1f}" '
                    f'height="{max(height, 0.5):.1f}"/>'
                )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(one.column)}">'
        f"{_text(12, 24, one.column, 'start', 14)}{''.join(bars)}{''.join(_thresholds(one))}"
        f"{_text(12, 168, f'{one.low:.4g}', 'start', 11)}{_text(_WIDTH - 12, 168, f'{one.high:.4g}', 'end', 11)}</svg>"
    )


def _thresholds(one: "Histogram") -> Iterator[str]:
    for side, colour in (("old", "#8593a3"), ("new", "currentColor")):
        for value in one.thresholds.get(side, ()):
            if one.low <= value <= one.high and one.high > one.low:
                x = 12 + (_WIDTH - 24) * (value - one.low) / (one.high - one.low)
                yield (
                    f'<line x1="{x:.1f}" x2="{x:.1f}" y1="34" y2="150" stroke="{colour}" stroke-width="1.5" '
                    'stroke-dasharray="4 3"/>'
                )


def _text(x: int, y: int, text: str, anchor: str, size: int) -> str:
    return (
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{size}" fill="currentColor" '
        f'font-family="system-ui,sans-serif">{escape(text)}</text>'
    )


def _shown(value: object) -> str:
    if value is None:
        return "-"
    text = str(value)
    return text[:12] if len(text) == 64 else text
