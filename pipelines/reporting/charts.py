"""Small charts as inline SVG, drawn in the colours of the page's style: shares as bars, distributions as histograms."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from pipelines.signals.sketches import Sketch

WIDTH, HEIGHT = 380, 128
_LEFT, _RIGHT, _TOP = 8, WIDTH - 8, 22
NUM_BINS = 40
_ENDS = (0.002, 0.998)
"""Quantiles between which a histogram is drawn, so that a single far value does not flatten all others."""
_LOG_RATIO = 200.0
"""Positive values that spread wider than this are drawn on a logarithmic axis."""


def share_bar(parts: Sequence[tuple[str, int]], *, of: int, label: str = "") -> str:
    """(class, number) side by side as one bar of 100 %; without a label it repeats what stands beside it."""
    x, rects = 0.0, []
    for kind, number in parts:
        width = 1000 * number / max(of, 1)
        rects.append(f'<rect class="{kind}" x="{x:.1f}" width="{width:.1f}" height="10"/>')
        x += width
    told = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    kind = "share" if label else "bar"
    return f'<svg class="{kind}" viewBox="0 0 1000 10" preserveAspectRatio="none" {told}>{"".join(rects)}</svg>'


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """From values to places: linear, or logarithmic where positive values spread over orders of magnitude."""

    low: float
    high: float
    is_log: bool
    num_bins: int = NUM_BINS

    def at(self, share: float) -> float:
        """The value at a share of the width, from 0 to 1."""
        if self.is_log:
            return math.exp(math.log(self.low) + share * (math.log(self.high) - math.log(self.low)))
        return self.low + share * (self.high - self.low)

    def x(self, value: float) -> float:
        """Where a value is drawn; what lies outside is drawn at the edge."""
        value = min(max(value, self.low), self.high)
        if self.is_log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return _LEFT + share * (_RIGHT - _LEFT)


def histogram(
    kept: Sketch,
    dropped: Sketch,
    *,
    title: str,
    thresholds: Mapping[str, float],
    note: str = "",
    is_whole: bool = False,
) -> str:
    """A <figure>: kept samples in one colour, dropped ones above them in another, thresholds as named dashed lines."""
    axis = axis_of(kept, dropped, list(thresholds.values()), is_whole=is_whole)
    about = f"{escape(title)}<small>{escape(note)}</small>"
    if axis is None:
        return f'<figure class="chart"><figcaption>{about}</figcaption><p>no values</p></figure>'
    edges = [axis.at(number / axis.num_bins) for number in range(1, axis.num_bins)]
    bars = _bars(kept.count_between(edges), dropped.count_between(edges))
    lines = "".join(_threshold(axis, name, value, row) for row, (name, value) in enumerate(thresholds.items()))
    low, middle, high = (_text(x, HEIGHT + 13, number_of(axis.at(share)), anchor) for x, share, anchor in _TICKS)
    base = f'<line class="a" x1="{_LEFT}" x2="{_RIGHT}" y1="{HEIGHT}" y2="{HEIGHT}"/>'
    limits = ", ".join(f"{name} = {number_of(value)}" for name, value in thresholds.items())
    told = f"{title}: {kept.num_values:,} values kept, {dropped.num_values:,} dropped; {limits or 'no threshold'}"
    return (
        f'<figure class="chart"><figcaption>{about}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT + 18}" role="img" aria-label="{escape(told)}">'
        f"{bars}{base}{lines}{low}{middle}{high}</svg></figure>"
    )


_TICKS = ((_LEFT, 0.0, "start"), ((_LEFT + _RIGHT) / 2, 0.5, "middle"), (_RIGHT, 1.0, "end"))


def axis_of(kept: Sketch, dropped: Sketch, thresholds: Sequence[float], *, is_whole: bool = False) -> Axis | None:
    """Wide enough for nearly all values and every threshold near them; None where there is no value.

    Whole numbers that are few get a bin each.
    """
    ends = [end for sketch in (kept, dropped) if sketch.num_values for end in sketch.quantiles(_ENDS)]
    if not ends:
        return None
    low, high = min(ends), max(ends)
    spread = (high - low) or 1.0
    near = [limit for limit in thresholds if low - 2 * spread <= limit <= high + 2 * spread]
    low, high = min([low, *near]), max([high, *near])
    if is_whole and high - low < NUM_BINS:
        return Axis(low=low - 0.5, high=high + 0.5, is_log=False, num_bins=int(high - low) + 1)
    is_log = low > 0 and high / low > _LOG_RATIO
    return Axis(low=low, high=high if high > low else low + 1.0, is_log=is_log)


def number_of(value: float) -> str:
    """As many digits as tell it."""
    whole = value == round(value) or abs(value) >= 1000
    return f"{value:,.0f}" if whole and abs(value) < 1e7 else f"{value:.3g}"


def _bars(kept: NDArray[np.int64], dropped: NDArray[np.int64]) -> str:
    step, tallest = (_RIGHT - _LEFT) / len(kept), max(int((kept + dropped).max()), 1)
    rects = []
    for number, (below, above) in enumerate(zip(kept.tolist(), dropped.tolist(), strict=True)):
        x, bottom = _LEFT + number * step, float(HEIGHT)
        for kind, count in (("k", below), ("d", above)):
            tall = max((HEIGHT - _TOP) * count / tallest, 1.0) if count else 0.0  # one sample is seen too
            bottom -= tall
            if count:
                rects.append(
                    f'<rect class="{kind}" x="{x:.1f}" y="{bottom:.1f}" width="{step - 1:.1f}" height="{tall:.1f}"/>'
                )
    return "".join(rects)


def _threshold(axis: Axis, name: str, value: float, row: int) -> str:
    """With its name, on the side that has room, each a line lower; one far outside is an arrow that points there."""
    x, y = axis.x(value), 9 + 12 * row
    told = f"{name} = {number_of(value)}"
    if value < axis.low:
        return _text(_LEFT, y, f"\u2190 {told}", "start", kind="m")
    if value > axis.high:
        return _text(_RIGHT, y, f"{told} \u2192", "end", kind="m")
    anchor, shift = ("start", 4) if x < WIDTH / 2 else ("end", -4)
    label = _text(x + shift, y, told, anchor, kind="m")
    return f'<line class="x" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 8}" y2="{HEIGHT}"/>{label}'


def _text(x: float, y: float, text: str, anchor: str, *, kind: str = "n") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
