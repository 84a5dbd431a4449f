"""Small real images and clips of every kind, made here."""

import io
import struct
import zlib

import numpy as np
import soundfile
from PIL import Image

RATE_HZ = 8000


def encoded(image: Image.Image, form: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def picture(form: str, mode: str = "RGB", size: tuple[int, int] = (20, 10), **options) -> bytes:
    image = Image.effect_noise(size, 80).convert("RGB" if mode == "I;16" else mode)
    if mode == "I;16":
        image = Image.fromarray(np.arange(size[0] * size[1], dtype=np.uint16).reshape(size[::-1]))
    return encoded(image, form, **options)


def photo(width: int, height: int, *, seed: int = 1) -> Image.Image:
    """Smooth shapes and a little grain: what a resampling filter is made for."""
    down, across = np.mgrid[:height, :width] / max(width, height)
    waves = [
        np.sin(seed + 9 * across * (1 + band) + 7 * down) * np.cos(11 * down * (2 - band)) for band in (0.1, 0.5, 0.9)
    ]
    grain = np.random.default_rng(seed).normal(0, 2, (height, width, 3))
    return Image.fromarray((127 + 100 * np.stack(waves, axis=2) + grain).clip(0, 255).astype(np.uint8))


def clip(
    form: str = "WAV", subtype: str | None = None, channels: int = 1, frames: int = 800, rate_hz: int = RATE_HZ
) -> bytes:
    return sound(0.4 * np.sin(np.arange(frames) / 7)[:, None].repeat(channels, axis=1), form, subtype, rate_hz=rate_hz)


def sound(wave: np.ndarray, form: str = "WAV", subtype: str | None = None, *, rate_hz: int = RATE_HZ) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, wave, rate_hz, format=form, subtype=subtype)
    return buffer.getvalue()


def heard(data: bytes, dtype: str = "float64") -> np.ndarray:
    """(frames, channels)."""
    return soundfile.read(io.BytesIO(data), dtype=dtype, always_2d=True)[0]


def seen(data: bytes) -> np.ndarray:
    """(height, width, 3)."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def png(width: int, height: int, pixels: bytes, *, depth: int = 8, colours: int = 2, extra: bytes = b"") -> bytes:
    """PNG of any header over any inflated rows."""
    header = struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0)
    chunks = png_chunk(b"IHDR", header) + extra + png_chunk(b"IDAT", zlib.compress(pixels)) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def flipped(data: bytes, position: int, mask: int = 0x10) -> bytes:
    return data[:position] + bytes([data[position] ^ mask]) + data[position + 1 :]
