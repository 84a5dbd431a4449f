"""Media that every encoder can embed, made here: what precision is judged by before it is used."""

import io

import numpy as np
import soundfile
from PIL import Image


def image_probe() -> bytes:
    """PNG, 64 x 64: soft colours from a fixed seed."""
    noise = np.random.default_rng(0).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).resize((64, 64), Image.Resampling.BICUBIC).save(buffer, "PNG")
    return buffer.getvalue()


def clip_probe() -> bytes:
    """FLAC, 16 kHz, half a second: a tone that glides, under noise from a fixed seed."""
    t = np.arange(8_000) / 16_000
    wave = 0.4 * np.sin(2 * np.pi * (200 * t + 300 * t**2)) + 0.02 * np.random.default_rng(0).standard_normal(len(t))
    buffer = io.BytesIO()
    soundfile.write(buffer, wave, 16_000, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()
