"""The speech_quality family, measured on request: what listeners would say of a recording of speech, by DNSMOS P.835.

The figures mean something for speech alone: read them together with `speech_share`.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipelines.signals.decoding import Clip
from pipelines.signals.models import session_of
from pipelines.signals.speech import mono_at

_RATE_HZ = 16_000
_WINDOW = 144_160  # 9.01 s
# From the model's outputs to opinion scores (signal, background, overall), as published with DNSMOS P.835.
_CURVES = ((-0.08397278, 1.22083953, 0.0052439), (-0.13166888, 1.60915514, -0.39604546),
           (-0.06766283, 1.11546468, 0.04602535))  # fmt: skip
_COLUMNS = ("speech_mos_signal", "speech_mos_background", "speech_mos_overall")


def measure_speech_quality(clips: Sequence[Clip]) -> dict[str, NDArray[np.float32]]:
    """The columns of `speech_quality@1`, one row per clip; `SignalError` where the extra is not installed."""
    scores = np.array([opinion_scores(clip) for clip in clips], dtype=np.float32).reshape(-1, 3)
    return dict(zip(_COLUMNS, scores.T, strict=True))


def opinion_scores(clip: Clip) -> NDArray[np.float64]:
    """Signal, background, overall, from 1 to 5: the mean of windows of 9 s side by side, the last one at the end.

    A shorter clip is repeated until it fills one, as the package does. The package moves its window by one second,
    which for a minute of sound takes eight times as long.
    """
    wave = mono_at(clip, _RATE_HZ)
    session = session_of("speechmos", "dnsmos_models/sig_bak_ovr.onnx", family="speech_quality@1")
    raw = np.mean([session.run(None, {"input_1": window[None]})[0][0] for window in _windows(wave)], axis=0)
    scores = [np.polyval(curve, value) for curve, value in zip(_CURVES, raw, strict=True)]
    return np.clip(scores, 1.0, 5.0)


def _windows(wave: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    if len(wave) <= _WINDOW:
        return [np.resize(wave, _WINDOW)]
    starts = list(range(0, len(wave) - _WINDOW + 1, _WINDOW))
    if len(wave) - starts[-1] - _WINDOW >= _RATE_HZ:  # a second or more is left over
        starts.append(len(wave) - _WINDOW)
    return [wave[start : start + _WINDOW] for start in starts]
