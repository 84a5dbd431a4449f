"""What a score hangs on: parts of a picture, a clip or a text are taken away, and the score is asked for again.

Occlusion (Zeiler and Fergus 2014, Visualizing and understanding convolutional networks): it works for every model and
asks the question directly; attention and gradients are cheaper and only hint at it.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# Shapes: P variants, G cells of a side, W windows of time.
Score = Callable[[Tensor], NDArray[np.float64]]
"""Variants of one medium (P, ...) to their scores (P,)."""
CELLS = 8
"""Of a side of a picture; a window of 2 x 2 cells is taken away at a time."""
WINDOWS = 16
"""Of a clip; two neighbours fall silent at a time."""
BATCH = 64


def occlude_image(image_CHW: Tensor, score: Score, *, fill: int = 255) -> NDArray[np.float64]:
    """(G, G): by how much the score falls on average over the windows that cover a cell, as pixels become `fill`."""
    side = image_CHW.shape[-1]
    edges = np.linspace(0, side, CELLS + 1).round().astype(int)
    places = [(row, column) for row in range(CELLS - 1) for column in range(CELLS - 1)]
    variants_PCHW = image_CHW.repeat(len(places), 1, 1, 1)
    for variant_CHW, (row, column) in zip(variants_PCHW, places, strict=True):
        variant_CHW[:, edges[row] : edges[row + 2], edges[column] : edges[column + 2]] = fill
    falls = _scores(score, image_CHW[None])[0] - _scores(score, variants_PCHW)
    sums_GG, counts_GG = np.zeros((CELLS, CELLS)), np.zeros((CELLS, CELLS))
    for fall, (row, column) in zip(falls, places, strict=True):
        sums_GG[row : row + 2, column : column + 2] += fall
        counts_GG[row : row + 2, column : column + 2] += 1
    return sums_GG / counts_GG


def occlude_clip(clip_N: Tensor, score: Score) -> NDArray[np.float64]:
    """(W,): by how much the score falls on average over the silences that cover a window."""
    edges = np.linspace(0, len(clip_N), WINDOWS + 1).round().astype(int)
    variants_PN = clip_N.repeat(WINDOWS - 1, 1)
    for place, variant_N in enumerate(variants_PN):
        variant_N[edges[place] : edges[place + 2]] = 0
    falls = _scores(score, clip_N[None])[0] - _scores(score, variants_PN)
    padded = np.array([falls[0], *falls, falls[-1]])
    means: NDArray[np.float64] = (padded[:-1] + padded[1:]) / 2
    return means


def occlude_words(
    text: str, tokenized: Callable[[list[str]], Tensor], score: Score
) -> tuple[list[str], NDArray[np.float64]]:
    """The words, or the letters of a text without spaces, and by how much the score falls without each."""
    words = text.split()
    joint = " "
    if len(words) == 1:
        words, joint = list(text), ""
    left = [joint.join([*words[:place], *words[place + 1 :]]) for place in range(len(words))]
    scores = _scores(score, tokenized([text, *left]))
    return words, scores[0] - scores[1:]


def _scores(score: Score, variants: Tensor) -> NDArray[np.float64]:
    with torch.inference_mode():
        return np.concatenate([score(variants[start : start + BATCH]) for start in range(0, len(variants), BATCH)])
