"""The image family: size, light, colour, sharpness and emptiness of decoded pictures."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipelines.signals.decoding import Picture

_STRIP_PIXELS = 1 << 15  # stays in the processor's cache
_LEVELS = np.arange(256)


def measure_images(pictures: Sequence[Picture]) -> dict[str, Any]:
    """The columns of `image@2`, one row per picture."""
    histograms = np.array([Image.fromarray(picture.luminance).histogram() for picture in pictures])
    colour = np.array([_colour_moments(picture.pixels) for picture in pictures])
    size = np.array([picture.luminance.shape[::-1] for picture in pictures])
    light_mean, light_deviation = _moments_of(histograms)
    opponent_mean, opponent_deviation = colour[:, 3:5], colour[:, 5:7]
    return {
        "width": size[:, 0],
        "height": size[:, 1],
        "aspect": size[:, 0] / size[:, 1],
        "luminance_mean": light_mean / 255,
        "luminance_contrast": light_deviation / 255,
        "mean_red": colour[:, 0] / 255,
        "mean_green": colour[:, 1] / 255,
        "mean_blue": colour[:, 2] / 255,
        # Hasler and Suesstrunk 2003, eq. 15 to 17
        "colourfulness": np.hypot(*opponent_deviation.T) + 0.3 * np.hypot(*opponent_mean.T),
        "sharpness": np.array([_laplacian_variance(picture.luminance) for picture in pictures]),
        "entropy": _entropy_bits(histograms),
        "alpha_share": np.array([picture.alpha_share for picture in pictures]),
        "jpeg_quality": [picture.jpeg_quality for picture in pictures],
        "is_blank": np.maximum(light_deviation, opponent_deviation.max(axis=1)) < 1.0,
    }


def _moments_of(histograms: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    share = histograms / histograms.sum(axis=1, keepdims=True)
    mean = share @ _LEVELS
    return mean, np.sqrt(np.maximum(0.0, share @ _LEVELS**2 - mean**2))


def _entropy_bits(histograms: NDArray[np.int64]) -> NDArray[np.float64]:
    share = histograms / histograms.sum(axis=1, keepdims=True)
    bits = np.log2(share, where=share > 0, out=np.zeros_like(share))
    return np.asarray(-np.einsum("nl,nl->n", share, bits))


def _colour_moments(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Means of red, green, blue, red-green, yellow-blue, then the deviations of the last two; sums are exact."""
    flat = pixels.reshape(-1, 3)
    red_sum, opponent_sums, squares = 0, np.zeros(2), np.zeros(2)
    for start in range(0, len(flat), _STRIP_PIXELS):
        red, green, blue = flat[start : start + _STRIP_PIXELS].astype(np.int16).T
        red_sum += int(red.sum(dtype=np.int64))
        moments = [_sums_of(red - green), _sums_of(red + green - 2 * blue)]  # yellow-blue doubled, to stay whole
        opponent_sums += [total for total, _ in moments]
        squares += [square for _, square in moments]
    opponents = opponent_sums / len(flat) / (1, 2)
    red_mean = red_sum / len(flat)
    green_mean = red_mean - opponents[0]
    means = [red_mean, green_mean, (red_mean + green_mean) / 2 - opponents[1]]
    variances = squares / len(flat) / (1, 4) - opponents**2
    return np.concatenate([means, opponents, np.sqrt(np.maximum(0.0, variances))])


def _sums_of(plane: NDArray[np.int16]) -> tuple[float, float]:
    """Of the values and of their squares; both whole and under 2**53, so exact in any order."""
    whole = plane.ravel().astype(np.float64)
    return float(whole.sum()), float(whole @ whole)


def _laplacian_variance(luminance: NDArray[np.uint8]) -> float:
    """Over the pixels that have four neighbours; 0 where there are none."""
    height, width = luminance.shape
    if min(height, width) < 3:
        return 0.0
    count, total, squares = (height - 2) * (width - 2), 0.0, 0.0
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height - 2, rows):
        strip = luminance[top : top + rows + 2].astype(np.int16)
        laplacian = strip[1:-1, 1:-1] * np.int16(-4)
        for neighbours in (strip[:-2, 1:-1], strip[2:, 1:-1], strip[1:-1, :-2], strip[1:-1, 2:]):
            laplacian += neighbours
        part, square = _sums_of(laplacian)
        total += part
        squares += square
    return float(squares / count - (total / count) ** 2)
