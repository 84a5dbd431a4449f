"""Bytes of media to arrays of fixed size; the device does everything else."""

import io
import threading

import numpy as np
import simplejpeg
import soundfile
import soxr
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from mmmodels.recipes import AudioConfig, ImageConfig
from pipelines.errors import SampleError

MAX_PIXELS = 64_000_000
MAX_SECONDS = 600
MAX_JPEG_SCANS = 100
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
_JPEG, _SCAN = b"\xff\xd8\xff", b"\xff\xda"
_SCRATCH_PIXELS = 1024 * 1024
_thread = threading.local()
"""A buffer for decoded pixels: pages that are new for every picture would cost a tenth of its time."""


def decode_image(data: bytes, *, config: ImageConfig) -> NDArray[np.uint8]:
    """uint8 (3, side, side); SampleError if it does not decode. See `decode_pixels`."""
    pixels = np.empty((config.input_pixels, config.input_pixels, 3), dtype=np.uint8)
    decode_pixels(data, pixels, config=config)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def decode_pixels(data: bytes, into: NDArray[np.uint8], *, config: ImageConfig) -> None:
    """Fill uint8 (side, side, 3), which must be contiguous; SampleError if it does not decode.

    Drawings: the whole picture, padded to a square with white. Photographs: the square in their middle. The side is
    what the device crops from (`ImageConfig.input_pixels`).
    """
    if config.augmentation == "drawings":
        into[:] = _padded(data, config.input_pixels)
    else:
        _cropped(data, config.input_pixels, into)


def _cropped(data: bytes, side: int, into: NDArray[np.uint8]) -> None:
    pixels = _jpeg_pixels(data, side) if data.startswith(_JPEG) else None
    if pixels is None:
        pixels = np.array(_opened(data, side, "RGB"))
    height, width = pixels.shape[:2]
    crop = min(height, width)
    top, left = (height - crop) // 2, (width - crop) // 2
    square: NDArray[np.uint8] = pixels[top : top + crop, left : left + crop]
    if crop == side:
        into[:] = square
    else:
        _resize(square, side, into)


def _jpeg_pixels(data: bytes, side: int) -> NDArray[np.uint8] | None:
    """At 1, 1/2, 1/4 or 1/8, whichever is the smallest that leaves `side` pixels; None: not one that simplejpeg reads.

    Between these, libjpeg-turbo has no vector code: 3/4 takes longer than the whole.
    """
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        if colours in ("CMYK", "YCCK"):
            return None
        if _is_progressive(data) and data.count(_SCAN) > MAX_JPEG_SCANS:
            raise SampleError(f"JPEG of more than {MAX_JPEG_SCANS} scans: takes minutes to decode. Encode it again.")
        _check_size(width, height)
        divisor = next((by for by in (8, 4, 2) if min(width, height) >= by * side), 1)
        height, width = -(-height // divisor), -(-width // divisor)
        scratch = _scratch() if height * width <= _SCRATCH_PIXELS else None
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(
            data, "RGB", min_height=height, min_width=width, buffer=scratch
        )
    except ValueError as error:
        if isinstance(error, SampleError):
            raise
        raise SampleError(
            f"JPEG of {len(data)} bytes: {error}. Look for damage: python -m pipelines verify."
        ) from error
    return pixels


def _is_progressive(data: bytes) -> bool:
    """By the marker of its frame; what cannot be followed up to there counts as one."""
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker in (0xC0, 0xC1):
            return False
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return True
        position += 2 + int.from_bytes(data[position + 2 : position + 4]) if marker != 0xFF else 1
    return True


def _scratch() -> NDArray[np.uint8]:
    if not hasattr(_thread, "scratch"):
        _thread.scratch = np.empty(_SCRATCH_PIXELS * 3, dtype=np.uint8)
    scratch: NDArray[np.uint8] = _thread.scratch
    return scratch


def _resize(square: NDArray[np.uint8], side: int, into: NDArray[np.uint8]) -> None:
    """Antialiased bicubic: within a grey level of Pillow's, at four times its speed.

    What `torch.nn.functional.interpolate` calls, with the place for its answer: it would hand over the channels apart,
    and putting them together takes as long as the resizing.
    """
    import torch  # here: workers that only cut or pad need not wait for it

    large_1CHW, small_1CHW = (torch.from_numpy(array).permute(2, 0, 1)[None] for array in (square, into))
    torch.ops.aten._upsample_bicubic2d_aa.out(large_1CHW, [side, side], False, None, None, out=small_1CHW)  # noqa: SLF001


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise SampleError(f"image of {width} x {height}: more than {MAX_PIXELS} pixels. Shrink it.")


def _opened(data: bytes, side: int, mode: str) -> Image.Image:
    """On white where it is transparent, if RGB is asked for."""
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            _check_size(image.width, image.height)
            image.draft("RGB", (side, side))
            if mode == "RGB" and not image.has_transparency_data:
                return image.convert("RGB")
            rgba = image.convert("RGBA")
    except (OSError, UnidentifiedImageError, SyntaxError, Image.DecompressionBombError) as error:
        raise SampleError(f"image of {len(data)} bytes: {error}. Give JPEG, PNG or WebP.") from error
    if mode == "RGBA":
        return rgba
    canvas = Image.new("RGBA", rgba.size, "white")
    canvas.alpha_composite(rgba)
    return canvas.convert("RGB")


def _padded(data: bytes, side: int) -> NDArray[np.uint8]:
    rgba = _opened(data, side, "RGBA")
    scale = side / max(rgba.size)
    size = (max(1, round(rgba.width * scale)), max(1, round(rgba.height * scale)))
    reducing = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    canvas = Image.new("RGBA", (side, side), "white")
    resized = rgba.resize(size, reducing)
    canvas.alpha_composite(resized, ((side - size[0]) // 2, (side - size[1]) // 2))
    return np.asarray(canvas.convert("RGB"))


def decode_clip(data: bytes, *, config: AudioConfig) -> NDArray[np.int16]:
    """int16 (num_samples,): mono at the model's rate, cut or padded; SampleError if it does not decode."""
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            rate = file.samplerate
            wanted = int(min(config.num_samples / config.sample_rate_hz, MAX_SECONDS) * rate) + 1
            if (file.channels, rate, file.subtype) == (1, config.sample_rate_hz, "PCM_16"):
                return _filled(file.read(wanted, dtype="int16"), config)
            samples_TC = file.read(wanted, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise SampleError(f"clip of {len(data)} bytes: {error}. Give FLAC, WAV, OGG or MP3.") from error
    mono = samples_TC.mean(axis=1)
    if rate != config.sample_rate_hz and len(mono):
        mono = soxr.resample(mono, rate, config.sample_rate_hz, quality="HQ")
    return _filled(np.clip(np.round(mono * 32767), -32768, 32767).astype(np.int16), config)


def _filled(mono: NDArray[np.int16], config: AudioConfig) -> NDArray[np.int16]:
    """As long as the model hears: the rest is silence, or the clip again as often as it fits (CLAP's `repeatpad`)."""
    clip = np.zeros(config.num_samples, dtype=np.int16)
    mono = mono[: config.num_samples]
    if config.padding == "repeat" and 0 < len(mono) < config.num_samples:
        mono = np.tile(mono, config.num_samples // len(mono))
    clip[: len(mono)] = mono
    return clip
