"""The audio family: level, clipping, silence, noise and bandwidth of decoded clips."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.signals.decoding import Clip
from pipelines.signals.loudness import loudness_of_all
from pipelines.signals.spectra import Spectrum, frame_length

_FRAME_SECONDS = 0.02
_CLIPPED = 0.999
_SMALLEST_PEAK = 10 ** (-144 / 20)  # one step of 24 bits
_SILENT_POWER = 10 ** (-60 / 10)
_SILENT_BELOW_LOUDEST = 10 ** (-40 / 10)
_NOISE_POWER = 10 ** (-100 / 10)  # of 16-bit rounding: no recording says more about its noise
_BANDWIDTH_BELOW_STRONGEST = 10 ** (-60 / 10)

RESAMPLING_TOLERANCE = {
    "duration_seconds": 0.001,
    "loudness_lufs": 0.2,
    "peak_dbfs": 0.7,  # a peak between two samples becomes a sample
    "clipping_share": 0.0,
    "silence_share": 0.02,
    "snr_db": 1.5,
    "bandwidth_hz": 100.0,
    "dc_offset": 0.001,
}
"""How far a figure may move when a clip that is not clipped is resampled, with nothing above the lower rate's half."""


def measure_clips(clips: Sequence[Clip]) -> dict[str, NDArray[Any]]:
    """The columns of `audio@1`, one row per clip."""
    frames = [_frame_powers(clip) for clip in clips]
    rate = np.array([clip.sample_rate_hz for clip in clips])
    peak = np.array([max(clip.samples.max(), -clip.samples.min()) for clip in clips], dtype=np.float64)
    return {
        "duration_seconds": np.array([len(clip.samples) for clip in clips]) / rate,
        "sample_rate_hz": rate,
        "channels": np.array([clip.samples.shape[1] for clip in clips]),
        "loudness_lufs": np.array(loudness_of_all([(clip.samples, clip.sample_rate_hz) for clip in clips])),
        "peak_dbfs": 20 * np.log10(np.maximum(peak, _SMALLEST_PEAK)),
        "clipping_share": np.array([_clipping_share(clip.samples) for clip in clips]),
        "silence_share": np.array([_silence_share(powers) for powers in frames]),
        "snr_db": np.array([_signal_to_noise_db(powers) for powers in frames]),
        "bandwidth_hz": np.array([_bandwidth_hz(clip.spectrum) for clip in clips]),
        "dc_offset": np.array([clip.mono.mean() for clip in clips]),
    }


def _clipping_share(samples: NDArray[np.float32]) -> float:
    return np.count_nonzero((samples >= _CLIPPED) | (samples <= -_CLIPPED)) / samples.size


def _frame_powers(clip: Clip) -> NDArray[np.float64]:
    """Mean squares of whole 20 ms frames; a shorter clip is one frame."""
    length = min(len(clip.mono), frame_length(_FRAME_SECONDS, clip.sample_rate_hz))
    frames = clip.mono[: len(clip.mono) // length * length].reshape(-1, length)
    return np.asarray(np.einsum("ft,ft->f", frames, frames), dtype=np.float64) / length


def _silence_share(powers: NDArray[np.float64]) -> float:
    return float(np.mean(powers < max(_SILENT_POWER, powers.max() * _SILENT_BELOW_LOUDEST)))


def _signal_to_noise_db(powers: NDArray[np.float64]) -> float:
    ordered, last = np.sort(powers), len(powers) - 1  # the nearest rank: np.percentile takes longer than the filters
    noise, signal = ordered[round(0.10 * last)] + _NOISE_POWER, ordered[round(0.95 * last)] + _NOISE_POWER
    return float(10 * np.log10(signal / noise))


def _bandwidth_hz(spectrum: Spectrum) -> float:
    """0 for digital silence."""
    power = spectrum.mean_power[1:]
    within = np.flatnonzero(power > power.max() * _BANDWIDTH_BELOW_STRONGEST)
    return float((within[-1] + 1) * spectrum.bin_hz) if len(within) else 0.0
