"""An explanation as a picture for people: what the model saw, what it looked at, what its answer hangs on."""

import base64
import html
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmmodels.evaluation.explaining import Explanation

_FOR, _AGAINST = "#c0392b", "#2c6fbb"
_TITLE = {"fontsize": 10, "loc": "left"}


def explanation_png(found: Explanation, *, title: str) -> bytes:
    """On white: a row for the picture, one for the clip, one for words and modalities."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 9.6), dpi=100, facecolor="white", layout="constrained")
    grid: Any = figure.subplots(3, 3, height_ratios=[1.25, 0.9, 0.9])
    _image_row(figure, grid[0], found)
    _audio_row(grid[1], found)
    _words(grid[2, 0], found)
    _modalities(grid[2, 1], found)
    grid[2, 2].axis("off")
    grid[2, 2].text(0, 0.95, _legend(found), va="top", fontsize=9, wrap=True)
    figure.suptitle(f"{title}\n{found.what}: {found.score:.3f}", fontsize=12)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def explanation_html(found: Explanation, *, title: str) -> bytes:
    """One page without scripts that holds the picture and the figures in it as text."""
    picture = base64.b64encode(explanation_png(found, title=title)).decode()
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{value:.4f}</td></tr>" for name, value in found.ablation.items()
    )
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Explanation</title>'
        "<style>body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;"
        "background:#fff;color:#1b2a41}img{max-width:100%}td{padding:.2rem 1rem .2rem 0}</style>"
        f"<h1>{html.escape(title)}</h1><p>{html.escape(found.what)}: {found.score:.4f}</p>"
        f'<img alt="What the model saw, looked at, and what its answer hangs on" src="data:image/png;base64,{picture}">'
        f"<h2>The score from some of the modalities</h2><table>{rows}</table></html>"
    )
    return page.encode()


def _image_row(figure: Any, row: Any, found: Explanation) -> None:
    image = found.views.get("image")
    if image is None:
        _absent(row, "no image")
        return
    side = image.shape[0]
    row[0].imshow(image)
    row[0].set_title("image as the model sees it", **_TITLE)
    _over(figure, row[1], image.mean(axis=2), found.occlusion["image"], "fall of the score when covered")
    if "image" in found.attention:
        method, weights = found.attention["image"]
        row[2].imshow(image.mean(axis=2), cmap="gray", vmin=0, vmax=255)
        row[2].imshow(
            weights, cmap="inferno", alpha=0.6, extent=(-0.5, side - 0.5, side - 0.5, -0.5), interpolation="bilinear"
        )
        row[2].set_title(method, **_TITLE)
    for axes in row:
        axes.axis("off")


def _over(figure: Any, axes: Any, under: NDArray[Any], falls: NDArray[np.float64], title: str) -> None:
    """Red where the answer hangs on it, blue where it stands against it."""
    height, width = under.shape
    limit = float(np.abs(falls).max()) or 1.0
    axes.imshow(under, cmap="gray", vmin=0, vmax=255)
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    shown = axes.imshow(falls, cmap="RdBu_r", vmin=-limit, vmax=limit, alpha=0.6, extent=extent)
    axes.set_title(title, **_TITLE)
    figure.colorbar(shown, ax=axes, fraction=0.045, pad=0.02)


def _audio_row(row: Any, found: Explanation) -> None:
    mel = found.views.get("audio")
    if mel is None:
        _absent(row, "no audio")
        return
    row[0].imshow(mel, origin="lower", aspect="auto", cmap="magma")
    row[0].set_title("clip as log-mel (frames, bands)", **_TITLE)
    falls = found.occlusion["audio"]
    edges = np.linspace(0, mel.shape[1], len(falls) + 1)
    colours = [_FOR if fall > 0 else _AGAINST for fall in falls]
    row[1].bar(edges[:-1], falls, width=np.diff(edges), align="edge", color=colours, edgecolor="white")
    row[1].axhline(0, color="#1b2a41", linewidth=0.8)
    row[1].set_xlim(0, mel.shape[1])
    row[1].set_title("fall of the score when silent", **_TITLE)
    if "audio" in found.attention:
        method, weights = found.attention["audio"]
        extent = (0, mel.shape[1], 0, mel.shape[0])
        row[2].imshow(mel, origin="lower", aspect="auto", cmap="gray", extent=extent)
        row[2].imshow(
            weights, origin="lower", aspect="auto", cmap="inferno", alpha=0.6, extent=extent, interpolation="bilinear"
        )
        row[2].set_title(method, **_TITLE)
    else:
        row[2].axis("off")


def _words(axes: Any, found: Explanation) -> None:
    if not found.words:
        _absent([axes], "no text")
        return
    falls, places = found.occlusion["text"], np.arange(len(found.words))
    axes.barh(places, falls, color=[_FOR if fall > 0 else _AGAINST for fall in falls])
    axes.set_yticks(places, [word[:18] for word in found.words], fontsize=9)
    axes.invert_yaxis()
    axes.axvline(0, color="#1b2a41", linewidth=0.8)
    axes.set_title("fall of the score without the word", **_TITLE)


def _modalities(axes: Any, found: Explanation) -> None:
    names, places = list(found.ablation), np.arange(len(found.ablation))
    axes.barh(places, list(found.ablation.values()), color="#5b7fa6")
    axes.set_yticks(places, names, fontsize=9)
    axes.invert_yaxis()
    axes.set_title("score from some of the modalities", **_TITLE)


def _absent(row: Any, text: str) -> None:
    for axes in row:
        axes.axis("off")
    row[0].text(0, 0.5, text, fontsize=10, color="#5a6b7f")


def _legend(found: Explanation) -> str:
    methods = sorted({method for method, _ in found.attention.values()})
    lines = ["Red: the answer hangs on this part.", "Blue: the score rises without it.", ""]
    if methods:
        lines += [f"{', '.join(methods)}: where the tower looks,", "which is not yet why it answers so."]
    return "\n".join(lines)
