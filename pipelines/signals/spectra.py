"""Short-time spectra of a clip: frames in seconds, bands in hertz, so that figures do not hang on the sample rate."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft
import scipy.sparse
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

FRAME_SECONDS = 0.032
HOP_SECONDS = 0.016
NUM_BANDS = 33
_LOWEST_HZ, _HIGHEST_HZ = 200.0, 3800.0  # what survives a telephone and every lossy codec
_FRAMES_AT_ONCE = 4096  # bounds the memory of a long clip


@dataclass(frozen=True, kw_only=True, slots=True)
class Spectrum:
    """What the audio families need of a clip's spectrogram."""

    bands: NDArray[np.float32]
    """(frames, NUM_BANDS), energy in mel bands."""
    mean_power: NDArray[np.float64]
    """(bins,), over the whole clip."""
    bin_hz: float


def spectrum_of(mono: NDArray[np.float32], sample_rate_hz: int) -> Spectrum:
    """Hann frames of 32 ms, one every 16 ms; a clip shorter than one frame is padded with zeros to one."""
    length, hop = frame_length(FRAME_SECONDS, sample_rate_hz), frame_length(HOP_SECONDS, sample_rate_hz)
    size = int(scipy.fft.next_fast_len(length, real=True))
    centred = mono - mono.mean()
    if len(centred) < length:
        centred = np.pad(centred, (0, length - len(centred)))
    frames = sliding_window_view(centred, length)[::hop]
    window, bank = _window(length), _mel_bank(size, sample_rate_hz)
    power_sum = np.zeros(size // 2 + 1)
    bands = np.empty((len(frames), NUM_BANDS), dtype=np.float32)
    for start in range(0, len(frames), _FRAMES_AT_ONCE):
        part = slice(start, start + _FRAMES_AT_ONCE)
        spectra = scipy.fft.rfft(frames[part] * window, n=size, axis=1)
        power = np.square(spectra.real) + np.square(spectra.imag)
        bands[part] = (bank @ power.T).T
        power_sum += power.sum(axis=0)
    return Spectrum(bands=bands, mean_power=power_sum / len(frames), bin_hz=sample_rate_hz / size)


def frame_length(seconds: float, sample_rate_hz: int) -> int:
    """Samples in a frame, at least one."""
    return max(1, round(seconds * sample_rate_hz))


@lru_cache(maxsize=8)
def _window(length: int) -> NDArray[np.float32]:
    return np.hanning(length + 2)[1:-1].astype(np.float32)


@lru_cache(maxsize=8)
def _mel_bank(size: int, sample_rate_hz: int) -> scipy.sparse.csr_array:
    """(NUM_BANDS, bins): triangles with centres even in mel (O'Shaughnessy); bands above Nyquist stay empty.

    Sparse for speed, and because its sums do not depend on the number of threads.
    """
    low, high = (2595.0 * np.log10(1.0 + hz / 700.0) for hz in (_LOWEST_HZ, _HIGHEST_HZ))
    edges_hz = 700.0 * (10.0 ** (np.linspace(low, high, NUM_BANDS + 2) / 2595.0) - 1.0)
    hz = np.arange(size // 2 + 1)[:, None] * (sample_rate_hz / size)
    rising = (hz - edges_hz[:-2]) / np.diff(edges_hz)[:-1]
    falling = (edges_hz[2:] - hz) / np.diff(edges_hz)[1:]
    return scipy.sparse.csr_array(np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32).T)
