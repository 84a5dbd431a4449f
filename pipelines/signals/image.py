"""The image family: size, light, colour, sharpness and emptiness of decoded pictures."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.signals.decoding import Picture

_STRIP_PIXELS = 1 << 20  # bounds the memory of a large image
_LEVELS = np.arange(256)


def measure_images(pictures: Sequence[Picture]) -> dict[str, NDArray[Any]]:
    """The columns of `image@1`, one row per picture."""
    histograms = np.stack([np.bincount(picture.luminance.ravel(), minlength=256) for picture in pictures])
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
    sums, squares = np.zeros(3, dtype=np.int64), np.zeros(2)
    for start in range(0, len(flat), _STRIP_PIXELS):
        red, green, blue = planes = np.ascontiguousarray(flat[start : start + _STRIP_PIXELS].T).astype(np.int16)
        sums += planes.sum(axis=1, dtype=np.int64)
        squares += [_sum_of_squares(red - green), _sum_of_squares(red + green - 2 * blue)]
    red_mean, green_mean, blue_mean = means = sums / len(flat)
    opponents = np.array([red_mean - green_mean, (red_mean + green_mean) / 2 - blue_mean])
    variances = squares / len(flat) / (1, 4) - opponents**2  # yellow-blue was doubled to stay whole
    return np.concatenate([means, opponents, np.sqrt(np.maximum(0.0, variances))])


def _sum_of_squares(plane: NDArray[np.int16]) -> float:
    whole = plane.ravel().astype(np.float64)
    return float(np.einsum("i,i->", whole, whole))


def _laplacian_variance(luminance: NDArray[np.uint8]) -> float:
    """Over the pixels that have four neighbours; 0 where there are none."""
    height, width = luminance.shape
    if min(height, width) < 3:
        return 0.0
    count, total, squares = (height - 2) * (width - 2), 0, 0.0
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height - 2, rows):
        strip = luminance[top : top + rows + 2].astype(np.int16)
        laplacian = strip[:-2, 1:-1] + strip[2:, 1:-1] + strip[1:-1, :-2] + strip[1:-1, 2:] - 4 * strip[1:-1, 1:-1]
        total += int(laplacian.sum(dtype=np.int64))
        squares += _sum_of_squares(laplacian)
    return float(squares / count - (total / count) ** 2)
