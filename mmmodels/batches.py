"""Bytes of media to arrays of fixed size; the device does everything else."""

import io

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from mmmodels.recipes import AudioConfig, ImageConfig
from pipelines.errors import SampleError

MAX_PIXELS = 64_000_000
MAX_SECONDS = 600


def decode_image(data: bytes, *, config: ImageConfig) -> NDArray[np.uint8]:
    """uint8 (3, side, side): the whole picture, padded to a square with white; SampleError if it does not decode."""
    side = config.size_pixels
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise SampleError(f"image of {image.width} x {image.height}: more than {MAX_PIXELS} pixels. Shrink it.")
            image.draft("RGB", (side, side))
            rgba = image.convert("RGBA")
    except (OSError, UnidentifiedImageError, SyntaxError, Image.DecompressionBombError) as error:
        raise SampleError(f"image of {len(data)} bytes: {error}. Give JPEG, PNG or WebP.") from error
    scale = side / max(rgba.size)
    size = (max(1, round(rgba.width * scale)), max(1, round(rgba.height * scale)))
    reducing = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    canvas = Image.new("RGBA", (side, side), "white")
    resized = rgba.resize(size, reducing)
    canvas.alpha_composite(resized, ((side - size[0]) // 2, (side - size[1]) // 2))
    return np.ascontiguousarray(np.asarray(canvas.convert("RGB")).transpose(2, 0, 1))


def decode_clip(data: bytes, *, config: AudioConfig) -> NDArray[np.int16]:
    """int16 (num_samples,): mono at the model's rate, cut or padded; SampleError if it does not decode."""
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            rate = file.samplerate
            wanted = int(min(config.num_samples / config.sample_rate_hz, MAX_SECONDS) * rate) + 1
            samples_TC = file.read(wanted, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise SampleError(f"clip of {len(data)} bytes: {error}. Give FLAC, WAV, OGG or MP3.") from error
    mono = samples_TC.mean(axis=1)
    if rate != config.sample_rate_hz and len(mono):
        mono = soxr.resample(mono, rate, config.sample_rate_hz, quality="HQ")
    clip = np.zeros(config.num_samples, dtype=np.int16)
    mono = mono[: config.num_samples]
    clip[: len(mono)] = np.clip(np.round(mono * 32767), -32768, 32767)
    return clip
