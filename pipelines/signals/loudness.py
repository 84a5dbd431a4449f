"""Programme loudness by ITU-R BS.1770-4, for mono and stereo clips of any rate.

The weighting filter is applied to spectra of blocks of one size, many clips at once: faster than a recursion, and
scipy.signal takes a second to import.
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
_HOP_SECONDS, _HOPS_PER_BLOCK = 0.1, 4
_TAIL_SECONDS = 0.1  # after it the filter's answer to a click is 100 dB down
_CLIPS_AT_ONCE = 8
_ROWS_AT_ONCE = 16  # fill the processor's vectors and stay in its cache

Samples = NDArray[np.float32]


def loudness_lufs(samples: Samples, sample_rate_hz: int) -> float:
    """Of (frames, channels) with full scale 1; GATE_LUFS where no block is louder, one block where under 400 ms."""
    return loudness_of_all([(samples, sample_rate_hz)])[0]


def loudness_of_all(clips: Sequence[tuple[Samples, int]]) -> list[float]:
    """`loudness_lufs` of (samples, sample rate) each; clips of one rate are transformed together."""
    by_rate: dict[int, list[int]] = defaultdict(list)
    for place, (_, rate) in enumerate(clips):
        by_rate[rate].append(place)
    found = [GATE_LUFS] * len(clips)
    for rate, places in by_rate.items():
        for start in range(0, len(places), _CLIPS_AT_ONCE):
            part = places[start : start + _CLIPS_AT_ONCE]
            weighted = iter(_weighted([channel for place in part for channel in clips[place][0].T], rate))
            for place in part:
                found[place] = _of_weighted([next(weighted) for _ in range(clips[place][0].shape[1])], rate)
    return found


def _weighted(channels: Sequence[Samples], sample_rate_hz: int) -> list[Samples]:
    """K-weighting by overlap and add: each row is a block of one channel with room for the filter's tail."""
    block = _HOPS_PER_BLOCK * _hop(sample_rate_hz)
    size = int(scipy.fft.next_fast_len(block + round(_TAIL_SECONDS * sample_rate_hz), real=True))
    ends = np.cumsum([0, *(-(-len(channel) // block) for channel in channels)])
    rows = np.zeros((ends[-1], size), dtype=np.float32)
    for channel, first, last in zip(channels, ends, ends[1:], strict=False):
        whole = (last - first - 1) * block
        rows[first : last - 1, :block] = channel[:whole].reshape(-1, block)
        rows[last - 1, : len(channel) - whole] = channel[whole:]
    response = _response(size, sample_rate_hz)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        rows[part] = scipy.fft.irfft(scipy.fft.rfft(rows[part], axis=1) * response, n=size, axis=1, overwrite_x=True)
    weighted = []
    for channel, first, last in zip(channels, ends, ends[1:], strict=False):
        rows[first + 1 : last, : size - block] += rows[first : last - 1, block:]
        weighted.append(rows[first:last, :block].reshape(-1)[: len(channel)])
    return weighted


def _of_weighted(channels: Sequence[Samples], sample_rate_hz: int) -> float:
    hop = _hop(sample_rate_hz)
    num_hops = len(channels[0]) // hop
    if num_hops < _HOPS_PER_BLOCK:
        return _gated(np.asarray(sum(np.square(channel).mean(dtype=np.float64, keepdims=True) for channel in channels)))
    hops = [channel[: num_hops * hop].reshape(num_hops, hop) for channel in channels]
    energy = sum(np.einsum("ht,ht->h", channel, channel).astype(np.float64) for channel in hops)
    return _gated(sliding_window_view(np.asarray(energy) / hop, _HOPS_PER_BLOCK).mean(axis=1))


def _hop(sample_rate_hz: int) -> int:
    return max(1, round(_HOP_SECONDS * sample_rate_hz))


@lru_cache(maxsize=64)
def _response(size: int, sample_rate_hz: int) -> NDArray[np.complex64]:
    """Of the K-weighting filter at the bins of a spectrum."""
    numerator, denominator = _k_weighting(sample_rate_hz)
    delay = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)  # of one sample
    response = np.polyval(numerator[::-1], delay) / np.polyval(denominator[::-1], delay)
    return response.astype(np.complex64)


def _gated(power: NDArray[np.float64]) -> float:
    """Both gates over the blocks' mean squares (equations 5 to 7 of the recommendation)."""
    loud = power[power > _power_of(GATE_LUFS)]
    if not len(loud):
        return GATE_LUFS
    relative = loud.mean() * 10 ** (_RELATIVE_GATE_LU / 10)
    return float(-0.691 + 10 * np.log10(loud[loud > relative].mean()))


def _power_of(lufs: float) -> float:
    return float(10 ** ((lufs + 0.691) / 10))


def _k_weighting(sample_rate_hz: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Head shelf times high pass as one filter, from the analogue prototypes so that 48 kHz gives the printed values.

    De Man (github.com/BrechtDeMan/loudness.py) found these prototypes; far below speech rates the shelf is held
    under Nyquist.
    """
    warp = np.tan(np.pi * min(1681.9744509555319, 0.45 * sample_rate_hz) / sample_rate_hz)
    gain = 10 ** (3.99984385397 / 20)
    slope, quality = gain**0.499666774155, 0.7071752369554193
    scale = 1 + warp / quality + warp**2
    shelf_b = np.array(
        [gain + slope * warp / quality + warp**2, 2 * (warp**2 - gain), gain - slope * warp / quality + warp**2]
    )
    shelf_a = np.array([scale, 2 * (warp**2 - 1), 1 - warp / quality + warp**2])
    warp, quality = np.tan(np.pi * 38.13547087613982 / sample_rate_hz), 0.5003270373253953
    scale_pass = 1 + warp / quality + warp**2
    pass_a = np.array([1.0, 2 * (warp**2 - 1) / scale_pass, (1 - warp / quality + warp**2) / scale_pass])
    return np.convolve(shelf_b / scale, [1.0, -2.0, 1.0]), np.convolve(shelf_a / scale, pass_a)
