"""Members of a sample as arrays: decoded once, within bounds, for every family that needs them."""

import io
import warnings
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image

from pipelines.errors import SignalError
from pipelines.shards.media import MAX_AUDIO_VALUES, MAX_IMAGE_PIXELS
from pipelines.signals.spectra import Spectrum, spectrum_of

_FORMATS = ("JPEG", "PNG", "WEBP")
_DEEP_GREY = ("I", "I;16", "I;16L", "I;16B", "I;16N")


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A decoded image; where it was transparent it lies on white, as training sees it."""

    pixels: NDArray[np.uint8]
    """(height, width, 3), sRGB."""
    luminance: NDArray[np.uint8]
    """(height, width), ITU-R BT.601 luma of the coded values."""
    alpha_share: float = 0.0
    """Share of pixels that were not opaque."""

    @property
    def num_bytes(self) -> int:
        return self.pixels.nbytes + self.luminance.nbytes


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A decoded clip."""

    samples: NDArray[np.float32]
    """(frames, channels), full scale is 1."""
    sample_rate_hz: int

    @cached_property
    def mono(self) -> NDArray[np.float32]:
        """(frames,), the mean of the channels."""
        return self.samples[:, 0] if self.samples.shape[1] == 1 else self.samples.mean(axis=1, dtype=np.float32)

    @cached_property
    def spectrum(self) -> Spectrum:
        """Shared by the audio family and the audio fingerprint."""
        return spectrum_of(self.mono, self.sample_rate_hz)

    @property
    def num_bytes(self) -> int:
        return self.samples.nbytes


def decode_image(data: bytes) -> Picture:
    """JPEG, PNG or WebP, first frame, orientation as stored; SignalError where it does not decode."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow about odd files; the size limit is ours and stricter
            return _decode_image(data)
    except SignalError:
        raise
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise SignalError(f"image of {len(data)} bytes does not decode: {error}") from error


def _decode_image(data: bytes) -> Picture:
    with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        if image.width * image.height > MAX_IMAGE_PIXELS:
            raise SignalError(f"{image.width}x{image.height} pixels, expected at most {MAX_IMAGE_PIXELS}")
        if image.mode in _DEEP_GREY:  # Pillow would clip 16 bits to 8, not scale them
            return picture_of(Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8)))
        return _on_white(image.convert("RGBA")) if image.has_transparency_data else picture_of(image)


def picture_of(image: Image.Image, *, alpha_share: float = 0.0) -> Picture:
    """Of an image without transparency."""
    colours = image.convert("RGB")
    return Picture(pixels=np.asarray(colours), luminance=np.asarray(colours.convert("L")), alpha_share=alpha_share)


def _on_white(image: Image.Image) -> Picture:
    alpha = image.getchannel("A")
    if alpha.getextrema() == (255, 255):
        return picture_of(image)
    ground = Image.new("RGBA", image.size, (255, 255, 255, 255))
    share = 1.0 - alpha.histogram()[255] / (image.width * image.height)
    return picture_of(Image.alpha_composite(ground, image), alpha_share=share)


def decode_audio(data: bytes) -> Clip:
    """FLAC of any rate; SignalError where it does not decode or holds no sound."""
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            if file.frames * file.channels > MAX_AUDIO_VALUES:
                raise SignalError(f"{file.frames} frames, expected at most {MAX_AUDIO_VALUES} values")
            samples, rate = file.read(dtype="float32", always_2d=True), file.samplerate
    except (RuntimeError, TypeError) as error:  # LibsndfileError is a RuntimeError
        raise SignalError(f"clip of {len(data)} bytes does not decode: {error}") from error
    if not len(samples):
        raise SignalError(f"clip of {len(data)} bytes holds no sound")
    return Clip(samples=samples, sample_rate_hz=rate)
