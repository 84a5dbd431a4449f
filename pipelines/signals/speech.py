"""The speech family, measured on request: how much of a clip is speech, by Silero's voice activity model.

The model is run over blocks of frames with its state carried on, as the package's own `sequence_vad` does; that module
is not used because importing the package imports torch.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from pipelines.signals.decoding import Clip
from pipelines.signals.models import session_of

FRAME_SECONDS = 0.032
_RATE_HZ = 16_000
_FRAME, _CONTEXT = 512, 64
_FRAMES_AT_ONCE = 512  # bounds the memory of a long clip
_SPEECH = 0.5  # the model's own threshold


def measure_speech(clips: Sequence[Clip]) -> dict[str, NDArray[np.float32]]:
    """The columns of `speech@1`, one row per clip; `SignalError` where the extra is not installed."""
    probabilities = [speech_probabilities(clip) for clip in clips]
    return {
        "speech_share": np.array([np.mean(frames >= _SPEECH) for frames in probabilities], dtype=np.float32),
        "speech_probability": np.array([frames.mean() for frames in probabilities], dtype=np.float32),
    }


def speech_probabilities(clip: Clip) -> NDArray[np.float32]:
    """One per 32 ms, the last frame filled with zeros."""
    wave = mono_at(clip, _RATE_HZ)
    frames = np.zeros((max(1, -(-len(wave) // _FRAME)), _FRAME), dtype=np.float32)
    frames.reshape(-1)[: len(wave)] = wave
    before = np.zeros((len(frames), _CONTEXT), dtype=np.float32)
    before[1:] = frames[:-1, -_CONTEXT:]
    session: Any = session_of("silero_vad", "data/silero_vad_16k_sequence.onnx", family="speech@1")
    hidden = cell = np.zeros((1, 1, 128), dtype=np.float32)
    found = []
    for start in range(0, len(frames), _FRAMES_AT_ONCE):
        part = slice(start, start + _FRAMES_AT_ONCE)
        block = np.concatenate([before[part], frames[part]], axis=1)
        values, hidden, cell = session.run(["speech_probs", "hn", "cn"], {"input": block, "h": hidden, "c": cell})
        found.append(values.reshape(-1))
    return np.concatenate(found)


def mono_at(clip: Clip, sample_rate_hz: int) -> NDArray[np.float32]:
    """The clip as one channel of another rate."""
    if clip.sample_rate_hz == sample_rate_hz:
        return clip.mono
    resampled: NDArray[np.float32] = soxr.resample(clip.mono, clip.sample_rate_hz, sample_rate_hz)
    return resampled
