"""What shards store, as arrays: the one place that knows how a picture with transparency or 16 bits is to look."""

import io
import warnings

import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image

from pipelines.errors import ShardError
from pipelines.shards.media import MAX_AUDIO_VALUES, MAX_IMAGE_PIXELS

_FORMATS = ("JPEG", "PNG", "WEBP")
_DEEP_GREY = ("I", "I;16", "I;16L", "I;16B", "I;16N")


def decode_picture(data: bytes) -> tuple[Image.Image, float]:
    """(RGB, first frame, orientation as stored, on white where it was transparent; share of pixels not opaque)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow about odd files; the size limit is ours and stricter
            return _decode_picture(data)
    except ShardError:
        raise
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise ShardError(f"image of {len(data)} bytes does not decode: {error}") from error


def _decode_picture(data: bytes) -> tuple[Image.Image, float]:
    with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        if image.width * image.height > MAX_IMAGE_PIXELS:
            raise ShardError(f"{image.width}x{image.height} pixels, expected at most {MAX_IMAGE_PIXELS}")
        if image.mode in _DEEP_GREY:  # Pillow would clip 16 bits to 8, not scale them
            grey = (np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8)
            return Image.fromarray(grey).convert("RGB"), 0.0
        return _on_white(image.convert("RGBA")) if image.has_transparency_data else (image.convert("RGB"), 0.0)


def _on_white(image: Image.Image) -> tuple[Image.Image, float]:
    alpha = image.getchannel("A")
    if alpha.getextrema() == (255, 255):
        return image.convert("RGB"), 0.0
    ground = Image.new("RGBA", image.size, (255, 255, 255, 255))
    share = 1.0 - alpha.histogram()[255] / (image.width * image.height)
    return Image.alpha_composite(ground, image).convert("RGB"), share


def decode_sound(data: bytes) -> tuple[NDArray[np.float32], int]:
    """((frames, channels), full scale is 1; rate in hz) of FLAC; `ShardError` where it holds no sound."""
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            if file.frames * file.channels > MAX_AUDIO_VALUES:
                raise ShardError(f"{file.frames} frames, expected at most {MAX_AUDIO_VALUES} values")
            samples, rate = file.read(dtype="float32", always_2d=True), file.samplerate
    except (RuntimeError, TypeError) as error:  # LibsndfileError is a RuntimeError
        raise ShardError(f"clip of {len(data)} bytes does not decode: {error}") from error
    if not len(samples):
        raise ShardError(f"clip of {len(data)} bytes holds no sound")
    return samples, rate
