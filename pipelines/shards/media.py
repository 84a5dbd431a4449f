"""Images and clips as they may enter a shard: decodable, bounded, in a format that every reader knows."""

import io
import json
import struct
import warnings
from dataclasses import dataclass
from functools import lru_cache

import soundfile
from PIL import ExifTags, Image

from pipelines.errors import SampleError

MAX_IMAGE_PIXELS = 64_000_000
MAX_AUDIO_SECONDS = 600
MAX_AUDIO_VALUES = 48_000 * MAX_AUDIO_SECONDS * 2
MAX_MEDIA_BYTES = 256 << 20
_MAX_EXIF_CHARACTERS = 4096

_KEPT_IMAGES = {"JPEG": "jpg", "MPO": "jpg", "PNG": "png", "WEBP": "webp"}
_IMAGE_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
_PILLOW_ERRORS = (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, ArithmeticError, struct.error)
_FLAC_SUBTYPES = {"PCM_S8": "PCM_S8", "PCM_24": "PCM_24", "PCM_32": "PCM_24", "FLOAT": "PCM_24", "DOUBLE": "PCM_24"}


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredImage:
    """An image that decodes, in the bytes that go into the tar."""

    data: bytes
    extension: str
    width: int
    height: int
    exif: str | None
    """Scalar EXIF fields as JSON."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredAudio:
    """A clip that decodes, as FLAC."""

    data: bytes
    extension: str
    duration_seconds: float
    sample_rate_hz: int


@lru_cache(maxsize=2)  # consecutive records often share one drawing
def store_image(data: bytes) -> StoredImage:
    """Check by decoding it whole; JPEG, PNG and WebP stay as they came, GIF, BMP and TIFF become PNG."""
    _check_bytes(data, "image")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow about odd files; the size limit below is ours and stricter
            return _decode_image(data)
    except SampleError:
        raise
    except Image.DecompressionBombError as error:
        raise SampleError(f"image too large to decode: {error}", status="refused") from error
    except _PILLOW_ERRORS as error:
        raise SampleError(f"image of {len(data)} bytes does not decode: {_one_line(error)}") from error


def _decode_image(data: bytes) -> StoredImage:
    with Image.open(io.BytesIO(data), formats=_IMAGE_FORMATS) as image:
        width, height = image.size
        if width * height > MAX_IMAGE_PIXELS:
            limit = MAX_IMAGE_PIXELS // 1_000_000
            raise SampleError(f"image of {width}x{height} pixels, at most {limit} MP are taken", status="refused")
        exif = _exif(image)
        image.load()
        extension = _KEPT_IMAGES.get(image.format or "")
        stored = data if extension else _png(image)
    return StoredImage(data=stored, extension=extension or "png", width=width, height=height, exif=exif)


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.convert("RGBA" if image.has_transparency_data else "RGB").save(buffer, "PNG")
    return buffer.getvalue()


def _exif(image: Image.Image) -> str | None:
    """Nothing where it cannot be read: a picture is not worse for what a camera wrote beside it."""
    try:
        fields = image.getexif()
    except _PILLOW_ERRORS:
        return None
    scalars = {
        ExifTags.TAGS.get(tag, str(tag)): value if isinstance(value, int) else str(value)[:256]
        for tag, value in fields.items()
        if isinstance(value, int | float | str)
    }
    if not scalars:
        return None
    text = json.dumps(scalars, sort_keys=True)  # ASCII: a lone surrogate in a camera's name stays escaped
    return text if len(text) <= _MAX_EXIF_CHARACTERS else None


def store_audio(data: bytes) -> StoredAudio:
    """Check by decoding it whole; FLAC stays as it came, WAV, OGG, MP3 and AIFF become FLAC."""
    _check_bytes(data, "clip")
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            return _decode_audio(data, file)
    except SampleError:
        raise
    except (RuntimeError, TypeError, ValueError, OverflowError) as error:  # LibsndfileError is a RuntimeError
        raise SampleError(f"clip of {len(data)} bytes does not decode: {_one_line(error)}") from error


def to_flac(data: bytes) -> bytes:
    """Any clip as FLAC of the same rate and channels; FLAC comes back unchanged."""
    return store_audio(data).data


def _decode_audio(data: bytes, file: soundfile.SoundFile) -> StoredAudio:
    rate, channels = file.samplerate, file.channels
    if channels > 2:
        raise SampleError(f"clip has {channels} channels, 1 or 2 are taken", status="refused")
    limit = min(rate * MAX_AUDIO_SECONDS, MAX_AUDIO_VALUES // channels)
    # The header is a claim: read up to the limit and one frame more instead of believing it.
    is_int16 = (
        file.subtype in {"PCM_16", "PCM_U8", "PCM_S8", "VORBIS", "OPUS", "ULAW", "ALAW"} or "MPEG" in file.subtype
    )
    values = file.read(frames=limit + 1, dtype="int16" if is_int16 else "int32", always_2d=True)
    if len(values) > limit:
        raise SampleError(f"clip at {rate} Hz is longer than {MAX_AUDIO_SECONDS} s", status="refused")
    if not len(values):
        raise SampleError("clip holds no sound")
    if file.format == "FLAC" and len(values) != file.frames:
        raise SampleError(f"clip is truncated: {len(values)} of {file.frames} frames decode")
    stored = data if file.format == "FLAC" else _flac(values, rate, _FLAC_SUBTYPES.get(file.subtype, "PCM_16"))
    return StoredAudio(
        data=stored, extension="flac", duration_seconds=round(len(values) / rate, 6), sample_rate_hz=rate
    )


def _flac(values: object, rate: int, subtype: str) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, values, rate, format="FLAC", subtype=subtype)
    return buffer.getvalue()


def _check_bytes(data: bytes, what: str) -> None:
    if not data:
        raise SampleError(f"{what} of zero bytes")
    if len(data) > MAX_MEDIA_BYTES:
        raise SampleError(f"{what} of {len(data)} bytes, at most {MAX_MEDIA_BYTES} are taken", status="refused")


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
