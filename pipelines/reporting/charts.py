"""Small charts as self-contained SVG: for the data card, and as images for pages that render Markdown."""

import base64
import math
from collections.abc import Callable, Mapping, Sequence
from html import escape

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike

WIDTH = 640
SMALL_WIDTH = 400
"""Of histograms, which stand side by side."""
_COLOURS = ("#3b6fd4", "#d9662b", "#2a9d74", "#a657c4", "#c9a227", "#6b7785")
_STYLE = """
.bg{fill:#fff}.t,.l,.n{font-family:system-ui,sans-serif;fill:#1c2430}.t{font-size:14px;font-weight:600}
.l{font-size:12px}.n{font-size:11px;fill:#5c6773}.a{stroke:#c9d0d8;stroke-width:1}.k{fill:#3b6fd4}.d{fill:#d9662b}
.x{stroke:#d9662b;stroke-width:1.5;stroke-dasharray:4 3}
@media(prefers-color-scheme:dark){.bg{fill:#171c24}.t,.l{fill:#e6eaf0}.n{fill:#9aa5b1}.a{stroke:#39424e}.k{fill:#6f9bf0}
.d{fill:#ee8a53}.x{stroke:#ee8a53}}
"""


def funnel_svg(funnel: pa.Table, *, title: str = "Funnel") -> str:
    """From records to kept samples: one bar per fault that dropped something, what is left and what it took."""
    rows = [row for row in funnel.to_pylist() if row["section"] == "all"]
    start = max((row["num_before"] for row in rows), default=0)
    left = min((row["num_before"] - row["num_first"] for row in rows), default=0)
    steps = [("records", start, 0)]
    steps += [
        (row["fault"], row["num_before"] - row["num_first"], row["num_first"]) for row in rows if row["num_first"]
    ]
    quiet = sum(1 for row in rows if not row["num_first"])
    bars = [_funnel_bar(step, 44 + 24 * number, start) for number, step in enumerate(steps)]
    height = 74 + 24 * len(steps)
    note = f"{left:,} of {start:,} kept; {quiet} more rules dropped nothing"
    return _svg(height, title, f"{''.join(bars)}{_text(12, height - 10, note, 'n')}")


def _funnel_bar(step: tuple[str, int, int], y: int, start: int) -> str:
    name, left, dropped = step
    scale = (WIDTH - 360) / max(start, 1)
    label = f"{left:,}" + (f" left, {dropped:,} dropped" if dropped else "")
    return (
        _text(176, y + 13, name, "l", anchor="end")
        + f'<rect class="k" x="186" y="{y}" width="{left * scale:.1f}" height="17" rx="2"/>'
        + f'<rect class="d" x="{186 + left * scale:.1f}" y="{y}" width="{dropped * scale:.1f}" height="17" rx="2"/>'
        + _text(194 + (left + dropped) * scale, y + 13, label, "n")
    )


def histogram_svg(
    values: ArrayLike, *, title: str, unit: str = "", thresholds: Sequence[float] = (), num_bins: int = 40
) -> str:
    """How a signal is distributed; nan is left out and counted, thresholds are drawn as dashed lines."""
    every = np.asarray(values, dtype=np.float64)
    finite = every[np.isfinite(every)]
    if not len(finite):
        return _svg(70, title, _text(12, 52, "no values", "n"), SMALL_WIDTH)
    low, high = float(finite.min()), float(finite.max())
    high = high if high > low else low + 1.0
    counts, _ = np.histogram(finite, bins=num_bins, range=(low, high))
    step, tallest = (SMALL_WIDTH - 24) / num_bins, counts.max()
    bars = "".join(
        f'<rect class="k" x="{12 + number * step:.1f}" y="{150 - 110 * count / tallest:.1f}" '
        f'width="{max(step - 1, 1):.1f}" height="{110 * count / tallest:.1f}"/>'
        for number, count in enumerate(counts)
        if count
    )
    lines = "".join(
        f'<line class="x" x1="{x:.1f}" x2="{x:.1f}" y1="36" y2="150"/>'
        for x in (
            12 + (SMALL_WIDTH - 24) * (value - low) / (high - low) for value in thresholds if low <= value <= high
        )
    )
    note = f"{len(finite):,} samples, median {_number(float(np.median(finite)))}"
    axis = (
        _axis(150, SMALL_WIDTH)
        + _text(12, 166, _number(low), "n")
        + _text(SMALL_WIDTH - 12, 166, _number(high), "n", anchor="end")
    )
    middle = _text(SMALL_WIDTH / 2, 166, f"{unit + ': ' if unit else ''}{note}", "n", anchor="middle")
    return _svg(176, title, f"{bars}{lines}{axis}{middle}", SMALL_WIDTH)


def line_svg(
    series: Mapping[str, Sequence[tuple[float, float]]], *, title: str, x_label: str = "step", log_y: bool = False
) -> str:
    """Curves of (x, y) points by name; points that are not finite (or not positive on a log scale) are left out."""
    drawn = {name: [point for point in points if _is_drawn(point, log_y)] for name, points in series.items()}
    every = [point for points in drawn.values() for point in points]
    if not every:
        return _svg(70, title, _text(12, 52, "no values", "n"))
    place = _placing(every, log_y)
    curves = [
        _curve(name, [place(point) for point in points], _COLOURS[number % len(_COLOURS)], number)
        for number, (name, points) in enumerate(drawn.items())
    ]
    top, bottom = max(y for _, y in every), min(y for _, y in every)
    right = _number(max(x for x, _ in every))
    labels = _text(12, 48, _number(top), "n") + _text(12, 206, _number(bottom), "n") + _axis(212)
    foot = _text(WIDTH - 12, 228, f"{x_label} {right}", "n", anchor="end")
    return _svg(250, title, f"{''.join(curves)}{labels}{foot}")


def as_markdown_image(svg: str, alt: str) -> str:
    """For pages whose Markdown shows images and not inline SVG."""
    data = base64.b64encode(svg.encode()).decode()
    return f"![{alt.replace('[', '(').replace(']', ')')}](data:image/svg+xml;base64,{data})"


def _is_drawn(point: tuple[float, float], log_y: bool) -> bool:
    return math.isfinite(point[0]) and math.isfinite(point[1]) and (point[1] > 0 or not log_y)


def _placing(
    points: Sequence[tuple[float, float]], log_y: bool
) -> Callable[[tuple[float, float]], tuple[float, float]]:
    def scaled(y: float) -> float:
        return math.log(y) if log_y else y

    left, right = min(x for x, _ in points), max(x for x, _ in points)
    low, high = min(scaled(y) for _, y in points), max(scaled(y) for _, y in points)
    across, up = (right - left) or 1.0, (high - low) or 1.0
    return lambda point: (
        64 + (WIDTH - 76) * (point[0] - left) / across,
        206 - 162 * (scaled(point[1]) - low) / up,
    )


def _curve(name: str, points: Sequence[tuple[float, float]], colour: str, number: int) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dot = f'<circle cx="{points[0][0]:.1f}" cy="{points[0][1]:.1f}" r="2.5" fill="{colour}"/>' if points else ""
    x = 70 + 140 * number
    return (
        f'<polyline fill="none" stroke="{colour}" stroke-width="1.8" points="{path}"/>{dot}'
        f'<rect x="{x}" y="234" width="10" height="3" fill="{colour}"/>{_text(x + 14, 240, name, "n")}'
    )


def _axis(y: int, width: int = WIDTH) -> str:
    return f'<line class="a" x1="12" x2="{width - 12}" y1="{y}" y2="{y}"/>'


def _text(x: float, y: float, text: str, kind: str, *, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _number(value: float) -> str:
    whole = value == round(value) or abs(value) >= 1000
    return f"{value:,.0f}" if whole and abs(value) < 1e7 else f"{value:.3g}"


def _svg(height: int, title: str, body: str, width: int = WIDTH) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img" '
        f'aria-label="{escape(title)}"><style>{_STYLE}</style>'
        f'<rect class="bg" width="{width}" height="{height}" rx="8"/>{_text(12, 24, title, "t")}{body}</svg>'
    )
