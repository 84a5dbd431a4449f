"""A confusion matrix as a PNG: rows are what was true, columns what was guessed, shades are shares of a row."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MAX_LABEL = 28
_NUMBERED = 24
"""Labels up to which each cell also holds its count."""


def confusion_png(counts_LL: NDArray[np.int64], labels: Sequence[str], *, title: str) -> bytes:
    """On white, 2 to 60 labels readable; more are drawn without names."""
    from matplotlib.figure import Figure  # not pyplot: no state, no display

    num = len(labels)
    support_L1 = counts_LL.sum(axis=1, keepdims=True)
    shares_LL = counts_LL / np.maximum(1, support_L1)
    cell = 0.62 if num <= _NUMBERED else 0.24
    side = max(3.2, cell * num)
    names = [name if len(name) <= _MAX_LABEL else f"{name[: _MAX_LABEL - 1]}\N{HORIZONTAL ELLIPSIS}" for name in labels]
    margin = 0.9 + 0.085 * max(map(len, names))
    figure = Figure(
        figsize=(side + margin + 1.2, side + margin + 0.7), dpi=110, facecolor="white", layout="constrained"
    )
    axes: Any = figure.subplots()
    shown = axes.imshow(shares_LL, cmap="Blues", vmin=0, vmax=1, aspect="equal")
    if num <= 60:
        rows = [f"{name} ({int(support)})" for name, support in zip(names, support_L1[:, 0], strict=True)]
        axes.set_xticks(range(num), names, rotation=90, fontsize=9)
        axes.set_yticks(range(num), rows, fontsize=9)
    if num <= _NUMBERED:
        _write_counts(axes, counts_LL, shares_LL)
    axes.set(xlabel="guessed", ylabel="true (samples)")
    axes.set_title(title, fontsize=11)
    figure.colorbar(shown, ax=axes, label="share of the row", fraction=0.04, pad=0.02)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _write_counts(axes: Any, counts_LL: NDArray[np.int64], shares_LL: NDArray[np.float64]) -> None:
    """Dark on light, light on dark; nothing where there is nothing."""
    for row, column in zip(*np.nonzero(counts_LL), strict=True):
        colour = "white" if shares_LL[row, column] > 0.55 else "#1b2a41"
        axes.text(column, row, f"{counts_LL[row, column]}", ha="center", va="center", fontsize=8, color=colour)
