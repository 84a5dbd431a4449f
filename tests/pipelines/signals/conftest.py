"""Pictures and clips with known properties."""

import io

import numpy as np
import pytest
import soundfile
from PIL import Image

from pipelines.signals.decoding import Clip, Picture, picture_of

RATE_HZ = 16_000


class Media:
    """Makers of arrays and of stored bytes."""

    @staticmethod
    def picture(pixels) -> Picture:
        return picture_of(Image.fromarray(np.asarray(pixels, dtype=np.uint8)))

    @staticmethod
    def drawing(seed: int, size: int = 128) -> np.ndarray:
        """Smooth random colours: (size, size, 3)."""
        noise = np.random.default_rng(seed).integers(0, 256, size=(6, 6, 3), dtype=np.uint8)
        return np.asarray(Image.fromarray(noise).resize((size, size), Image.Resampling.BICUBIC))

    @staticmethod
    def encoded(pixels, kind: str = "PNG", **options) -> bytes:
        buffer = io.BytesIO()
        image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
        image.save(buffer, kind, **options)
        return buffer.getvalue()

    @staticmethod
    def clip(samples, rate: int = RATE_HZ) -> Clip:
        wave = np.asarray(samples, dtype=np.float32)
        return Clip(samples=wave if wave.ndim == 2 else wave[:, None], sample_rate_hz=rate)

    @staticmethod
    def tone(hz: float, *, seconds: float = 1.0, level: float = 0.5, rate: int = RATE_HZ) -> np.ndarray:
        return level * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)

    @staticmethod
    def babble(seed: int, *, seconds: float = 1.2, rate: int = RATE_HZ) -> np.ndarray:
        """Harmonics that glide and come in syllables, like speech; drawn from the seed, the same at every rate."""
        rng = np.random.default_rng(seed)
        t = np.arange(round(seconds * rate)) / rate
        num_syllables = 8
        wave = np.zeros(len(t))
        for place in range(num_syllables):
            start, pitch, glide = place * seconds / num_syllables, rng.uniform(90, 250), rng.uniform(-80, 80)
            weights = rng.uniform(0, 1, 14) ** 3
            inside = (t >= start) & (t < start + seconds / num_syllables)
            own = t[inside] - start
            phase = 2 * np.pi * (pitch * own + glide * own**2)
            envelope = np.sin(np.pi * own * num_syllables / seconds) ** 2
            wave[inside] = envelope * sum(w * np.sin((h + 1) * phase) for h, w in enumerate(weights))
        return 0.5 * wave / np.abs(wave).max()

    @staticmethod
    def stored(samples, rate: int = RATE_HZ, kind: str = "FLAC", subtype: str = "PCM_16") -> bytes:
        buffer = io.BytesIO()
        soundfile.write(buffer, np.asarray(samples), rate, format=kind, subtype=subtype)
        return buffer.getvalue()

    @classmethod
    def recoded(cls, samples, rate: int = RATE_HZ, kind: str = "OGG", subtype: str = "VORBIS") -> Clip:
        """Through a lossy codec and back."""
        wave, found = soundfile.read(io.BytesIO(cls.stored(samples, rate, kind, subtype)), dtype="float32")
        return cls.clip(wave, found)


@pytest.fixture(scope="session")
def media() -> type[Media]:
    return Media
