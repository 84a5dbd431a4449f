"""Images as they enter a shard."""

import io

import simplejpeg
from PIL import Image

from pipelines.shards.media.bounds import decoding
from pipelines.shards.media.containers import check_png, check_riff
from pipelines.shards.media.headers import Header, opened, read_header
from pipelines.shards.media.profile import ORIGINAL, MediaProfile, StoredImage
from pipelines.shards.media.shrinking import shrunk, with_eight_bits

_KEPT = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}
_JPEG_END = b"\xff\xd9"


def store_image(data: bytes, *, profile: MediaProfile = ORIGINAL) -> StoredImage:
    """Checked whole (`MediaProfile.check`); SampleError where it does not decode or is larger than is taken.

    `original` keeps JPEG, PNG and WebP as they came and makes PNG of GIF, BMP and TIFF. `train` makes small JPEG:
    turned as EXIF says, on white where it was transparent, in sRGB where it came in CMYK or with the profile of
    another RGB. Of an animation the first frame counts; of 16 bits the upper eight.
    """
    known, by, stored = _latest[0] if _latest else (None, profile, None)
    if stored is None or known != data or by != profile:
        with decoding(data, "image"):
            header = read_header(data)
            make = _shrunk if profile.name == "train" else _as_it_came
            stored = make(data, header, profile)
            _latest[:] = [(data, profile, stored)]
    return stored


_latest: list[tuple[bytes, MediaProfile, StoredImage]] = []
"""The last one, for consecutive records often share a drawing; comparing is cheaper than the hash of a cache."""


def _as_it_came(data: bytes, header: Header, profile: MediaProfile) -> StoredImage:
    stored, extension = data, _KEPT.get(header.kind, "png")
    if header.kind not in _KEPT:
        stored = _png(data)
    elif header.kind == "JPEG":
        if profile.check == "decode" or not data.endswith(_JPEG_END):
            # At 1/8 and without colour: all of the entropy-coded data is read, and a warning is an error.
            simplejpeg.decode_jpeg(data, "GRAY", min_height=1, min_width=1)
    elif header.kind == "PNG":
        check_png(data, inflate=profile.check == "decode")
    else:
        check_riff(data)
        if profile.check == "decode":
            _decode(data)
    return StoredImage(
        data=stored,
        extension=extension,
        width=header.width,
        height=header.height,
        original_width=header.width,
        original_height=header.height,
        exif=header.exif,
    )


def _decode(data: bytes) -> None:
    with opened(data) as image:
        image.load()


def _png(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with opened(data) as image:
        colours: Image.Image = with_eight_bits(image)
        colours.convert("RGBA" if colours.has_transparency_data else "RGB").save(buffer, "PNG")
    return buffer.getvalue()


def _shrunk(data: bytes, header: Header, profile: MediaProfile) -> StoredImage:
    small, (width, height) = shrunk(data, header, side_pixels=profile.image_side_pixels, quality=profile.jpeg_quality)
    return StoredImage(
        data=small,
        extension="jpg",
        width=width,
        height=height,
        original_width=header.width,
        original_height=header.height,
        exif=header.exif,
        applied_orientation=header.orientation,
    )
