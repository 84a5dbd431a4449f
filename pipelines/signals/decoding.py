"""Members of a sample as arrays: decoded once, within bounds, for every family that needs them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipelines.errors import ShardError, SignalError
from pipelines.shards.decoding import decode_picture, decode_sound
from pipelines.signals.jpeg import decode_jpeg, jpeg_quality
from pipelines.signals.spectra import Spectrum, spectrum_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A decoded image; where it was transparent it lies on white, as training sees it."""

    pixels: NDArray[np.uint8]
    """(height, width, 3), sRGB."""
    luminance: NDArray[np.uint8]
    """(height, width), ITU-R BT.601 luma of the coded values."""
    alpha_share: float = 0.0
    """Share of pixels that were not opaque."""
    jpeg_quality: int | None = None
    """1 to 100, of the stored file; None where it is no JPEG."""

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
    pixels = decode_jpeg(data)
    if pixels is not None:
        luminance = np.asarray(Image.fromarray(pixels).convert("L"))
        return Picture(pixels=pixels, luminance=luminance, jpeg_quality=jpeg_quality(data))
    try:
        image, alpha_share = decode_picture(data)
    except ShardError as error:
        raise SignalError(str(error)) from error
    return picture_of(image, alpha_share=alpha_share, jpeg_quality=jpeg_quality(data))


def picture_of(image: Image.Image, *, alpha_share: float = 0.0, jpeg_quality: int | None = None) -> Picture:
    """Of an image without transparency."""
    colours = image if image.mode == "RGB" else image.convert("RGB")
    return Picture(
        pixels=np.asarray(colours),
        luminance=np.asarray(colours.convert("L")),
        alpha_share=alpha_share,
        jpeg_quality=jpeg_quality,
    )


def decode_audio(data: bytes) -> Clip:
    """FLAC of any rate; SignalError where it does not decode or holds no sound."""
    try:
        samples, rate = decode_sound(data)
    except ShardError as error:
        raise SignalError(str(error)) from error
    return Clip(samples=samples, sample_rate_hz=rate)
