"""How much one image or clip may hold, and how a decoder's complaint becomes a sample's reason.

A header is a claim: sizes are judged before anything is decoded, and what is decoded is counted while it comes.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

from pipelines.errors import SampleError

MAX_MEDIA_BYTES = 256 << 20
MAX_IMAGE_PIXELS = 64_000_000
"""8000 x 8000. While it is looked at, such an image takes 4 MB (PNG as it came, JPEG of one scan), 0.4 GB (progressive
JPEG), 0.5 GB (PNG for training, GIF, BMP, TIFF) or 1 GB (WebP, which Pillow holds three times)."""
MAX_JPEG_SCANS = 100
"""A progressive JPEG has about ten; every further scan walks over all pixels again for a few bytes."""
MAX_JPEG_SIDE_PIXELS = 65_500
"""What the format can say, less what its encoder keeps for itself."""
MAX_AUDIO_SECONDS = 600
MAX_AUDIO_VALUES = 48_000 * MAX_AUDIO_SECONDS * 2
"""Frames times channels: ten minutes of 48 kHz stereo. Decoded in blocks of a megabyte."""
MIN_SAMPLE_RATE_HZ = 1_000
MAX_SAMPLE_RATE_HZ = 384_000
MAX_CHANNELS_KEPT = 2
MAX_CHANNELS_MIXED = 8
"""Mixed down to one by the profile `train`."""

# What Pillow, libjpeg-turbo and libsndfile (a RuntimeError) raise for bytes that they do not understand.
_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    ArithmeticError,
    RuntimeError,
    struct.error,
)


@contextmanager
def decoding(data: bytes, what: str) -> Iterator[None]:
    """Whatever a decoder says about `data` becomes a SampleError with that as its reason."""
    if not data:
        raise SampleError(f"{what} of zero bytes")
    if len(data) > MAX_MEDIA_BYTES:
        raise SampleError(f"{what} of {len(data)} bytes, at most {MAX_MEDIA_BYTES} are taken", status="refused")
    try:
        yield
    except SampleError:
        raise
    except Image.DecompressionBombError as error:
        raise SampleError(f"{what} too large to decode: {error}", status="refused") from error
    except MemoryError as error:
        raise SampleError(f"{what} of {len(data)} bytes needs more memory than there is", status="refused") from error
    except _DECODER_ERRORS as error:
        said = str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"
        reason = " ".join(said.split())[:300]
        raise SampleError(f"{what} of {len(data)} bytes does not decode: {reason}") from error


def check_pixels(width: int, height: int) -> None:
    """Refuse what its header says is too large."""
    if width * height > MAX_IMAGE_PIXELS:
        limit = MAX_IMAGE_PIXELS // 1_000_000
        raise SampleError(f"image of {width}x{height} pixels, at most {limit} MP are taken", status="refused")


def check_sample_rate(rate_hz: int) -> None:
    """Refuse what no microphone has."""
    if not MIN_SAMPLE_RATE_HZ <= rate_hz <= MAX_SAMPLE_RATE_HZ:
        low, high = MIN_SAMPLE_RATE_HZ, MAX_SAMPLE_RATE_HZ
        raise SampleError(f"clip at {rate_hz} Hz, {low} to {high} Hz are taken", status="refused")
