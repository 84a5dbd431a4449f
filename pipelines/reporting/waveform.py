"""What a clip looks like: its loudness over time as a small drawing."""

import base64

import numpy as np

from pipelines.signals.decoding import decode_audio

_WIDTH, _HEIGHT, _NUM_COLUMNS = 120, 40, 60


def waveform_svg(data: bytes) -> str:
    """A data URI of fewer than 1,500 characters, whatever the clip; `SignalError` where it does not decode.

    Columns are peaks, each of an equal share of the clip, scaled to the loudest; silence is a line.
    """
    wave = np.abs(decode_audio(data).mono)
    edges = np.linspace(0, len(wave), min(_NUM_COLUMNS, len(wave)) + 1).astype(int)
    peaks = np.maximum.reduceat(wave, edges[:-1])
    heights = np.maximum(1, np.rint(np.nan_to_num(peaks) / max(float(peaks.max()), 1e-4) * _HEIGHT / 2)).astype(int)
    step = _WIDTH // _NUM_COLUMNS
    path = "".join(f"M{1 + i * step} {_HEIGHT // 2 - height}v{2 * height}" for i, height in enumerate(heights))
    svg = (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{_WIDTH}' height='{_HEIGHT}'>"
        f"<path d='{path}' stroke='#47c'/></svg>"
    )
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"
