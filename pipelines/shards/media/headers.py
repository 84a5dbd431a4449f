"""What an image says of itself before it is decoded."""

import io
import json
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import simplejpeg
from PIL import ExifTags, Image

from pipelines.errors import SampleError
from pipelines.shards.media.bounds import MAX_JPEG_SCANS, check_pixels

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
_JPEG_START = b"\xff\xd8\xff"
_SCAN = b"\xff\xda"
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL = (0xC0, 0xC1)
_JPEG_METADATA = (b"Exif\0\0", b"ICC_PROFILE\0", b"http://ns.adobe.com/xap/")  # orientation may stand in the last, too
_PNG_METADATA = (b"eXIf", b"Raw profile type exif", b"XML:com.adobe.xmp")
_MAX_EXIF_CHARACTERS = 4096
_EXIF_ERRORS = (OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, RuntimeError, struct.error)


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """Of an image within the limits."""

    kind: str
    """JPEG (also MPO), PNG, WEBP, GIF, BMP or TIFF."""
    width: int
    height: int
    exif: str | None = None
    orientation: int = 1
    icc: bytes | None = None
    is_ink: bool = False
    """A JPEG in CMYK."""


def read_header(data: bytes) -> Header:
    """SampleError where the image is larger than is taken; the decoders' errors where it is no image."""
    if not data.startswith(_JPEG_START):
        return _read_by_pillow(data)
    if _look_at_jpeg(data):
        return _read_by_pillow(data)
    # A tenth of the time, for the many that carry nothing else.
    height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
    check_pixels(width, height)
    return Header(kind="JPEG", width=width, height=height, is_ink=colours in {"CMYK", "YCCK"})


def _look_at_jpeg(data: bytes) -> bool:
    """Whether there are metadata worth reading; SampleError for more scans than any encoder makes."""
    num_components, marker, has_metadata = -1, 0, False
    for marker, start in _segments(data):
        if marker in _FRAMES:
            num_components = data[start + 5] if marker in _SEQUENTIAL else -1
        has_metadata = has_metadata or data.startswith(_JPEG_METADATA, start)
    # One scan of all components is all that is decoded of a sequential file; of others, every scan is.
    is_of_one_scan = marker == _SCAN[1] and data[start] == num_components
    if not is_of_one_scan and data.count(_SCAN) > MAX_JPEG_SCANS:
        raise SampleError(f"JPEG of more than {MAX_JPEG_SCANS} scans", status="refused")
    return has_metadata


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
    """(marker, position of what it holds) up to the first scan."""
    position, marker = 2, 0
    while marker != _SCAN[1] and position + 4 < len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:  # filling
            position += 1
            continue
        yield marker, position + 4
        position += 2 + int.from_bytes(data[position + 2 : position + 4])


@contextmanager
def opened(data: bytes) -> Iterator[Image.Image]:
    """By Pillow, not yet decoded, silent about odd files."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the size limit is ours and stricter
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            check_pixels(*image.size)
            yield image


def _read_by_pillow(data: bytes) -> Header:
    with opened(data) as image:
        # Pillow decodes a PNG whole to look for EXIF behind the pixels.
        is_plain = image.format == "PNG" and not any(mark in data for mark in _PNG_METADATA)
        exif, orientation = (None, 1) if is_plain else _exif(image)
        icc = image.info.get("icc_profile")
        return Header(
            kind="JPEG" if image.format == "MPO" else str(image.format),
            width=image.width,
            height=image.height,
            exif=exif,
            orientation=orientation,
            icc=icc if isinstance(icc, bytes) else None,
            is_ink=image.mode == "CMYK",
        )


def _exif(image: Image.Image) -> tuple[str | None, int]:
    """Nothing where it cannot be read: a picture is not worse for what a camera wrote beside it."""
    try:
        fields = dict(image.getexif())
    except _EXIF_ERRORS:
        return None, 1
    scalars = {
        ExifTags.TAGS.get(tag, str(tag)): value if isinstance(value, int) else str(value)[:256]
        for tag, value in fields.items()
        if isinstance(value, int | float | str)
    }
    text = json.dumps(scalars, sort_keys=True)  # ASCII: a lone surrogate in a camera's name stays escaped
    orientation = fields.get(ExifTags.Base.Orientation)
    return (
        text if scalars and len(text) <= _MAX_EXIF_CHARACTERS else None,
        orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1,
    )
