"""Every kind of bad image that we know of: a sample, or a SampleError whose status and reason say why.

(bytes, what becomes of them, what becomes of them for training where that differs)
"""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from pipelines.shards.media import MediaProfile, StoredImage, store_image
from tests.media_files import clip, encoded, flipped, photo, picture, png, png_chunk
from tests.pipelines.shards.media.judging import BROKEN, KEPT, ORIGINAL, TRAIN, cut, expect, judged, spoilt, with_a_hole

FRAMES = [Image.new("RGB", (8, 8), (shade, 0, 0)) for shade in range(256)]


def jpeg_that_claims(width: int, height: int) -> bytes:
    data = bytearray(picture("JPEG"))
    start = data.index(b"\xff\xc0")
    struct.pack_into(">HH", data, start + 5, height, width)
    return bytes(data)


def jpeg_of_scans(count: int) -> bytes:
    """Progressive, its last scan again and again."""
    data = picture("JPEG", size=(64, 64), progressive=True)
    start = data.rindex(b"\xff\xda")
    return data[:start] + data[start:-2] * count + data[-2:]


def tiff_that_claims(width: int, height: int) -> bytes:
    image = Image.new("L", (4, 4))
    data = bytearray(encoded(image, "TIFF"))
    for tag, value in ((256, width), (257, height), (278, height)):
        position = data.find(struct.pack("<HHI", tag, 4, 1))
        if position >= 0:
            struct.pack_into("<I", data, position + 8, value)
    return bytes(data)


def tiff_in_a_circle() -> bytes:
    """Its directory names itself as the next one."""
    data = bytearray(encoded(Image.new("L", (4, 4)), "TIFF"))
    first = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, first)[0]
    struct.pack_into("<I", data, first + 2 + 12 * count, first)
    return bytes(data)


IMAGES = {
    "zero bytes": (b"", ("failed_to_decode", "zero bytes"), None),
    "no image": (b"\0" * 100, BROKEN, None),
    "text": (b"<html>404</html>", BROKEN, None),
    "sound with the name of a picture": (clip(), BROKEN, None),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n", BROKEN, None),
    "cut JPEG": (cut(picture("JPEG", size=(90, 90))), BROKEN, None),
    "cut progressive JPEG": (cut(picture("JPEG", size=(90, 90), progressive=True)), BROKEN, None),
    "cut PNG": (cut(picture("PNG", size=(90, 90))), BROKEN, None),
    "PNG without its end": (picture("PNG")[:-12], BROKEN, None),
    "cut WebP": (cut(picture("WEBP", size=(90, 90))), BROKEN, None),
    "cut GIF": (cut(picture("GIF", size=(90, 90))), BROKEN, None),
    "cut TIFF": (cut(picture("TIFF", size=(90, 90))), BROKEN, None),
    "JPEG with a hole": (with_a_hole(picture("JPEG", size=(90, 90))), BROKEN, None),
    "progressive JPEG with a hole": (with_a_hole(picture("JPEG", size=(90, 90), progressive=True)), BROKEN, None),
    "PNG with a flipped bit": (spoilt(picture("PNG", size=(90, 90))), BROKEN, None),
    "PNG of an unknown row filter": (png(2, 2, b"\x05" + bytes(6) + b"\0" + bytes(6)), BROKEN, None),
    "PNG that claims 81 MP": (png(9000, 9000, b"\0" * 100), ("refused", "9000x9000 pixels"), None),
    "PNG that claims all there is": (png(2**31 - 1, 2**31 - 1, b"\0"), ("refused", "too large|pixels"), None),
    "PNG that expands 10,000 times": (png(10, 10, bytes(3_000_000)), ("refused", "expands to more"), KEPT),
    "PNG with a text that expands": (
        png(1, 1, bytes(4), extra=png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 23)))),
        ("failed_to_decode", "Decompressed data too large|does not decode"),
        None,
    ),
    "JPEG that claims 4 GP": (jpeg_that_claims(65_500, 65_500), ("refused", "65500x65500 pixels"), None),
    "JPEG that claims more rows": (jpeg_that_claims(20, 4000), BROKEN, None),
    "JPEG of no rows": (jpeg_that_claims(20, 0), BROKEN, None),
    "JPEG of 1000 scans": (jpeg_of_scans(1000), ("refused", "more than 100 scans"), None),
    "TIFF that claims 4 GP": (tiff_that_claims(65_535, 65_535), ("refused", "pixels"), None),
    "TIFF that claims more rows": (tiff_that_claims(4, 5000), BROKEN, None),
    "TIFF in a circle": (tiff_in_a_circle(), KEPT, None),
    "GIF of 256 frames": (encoded(FRAMES[0], "GIF", save_all=True, append_images=FRAMES[1:]), KEPT, None),
    "WebP of 256 frames": (encoded(FRAMES[0], "WEBP", save_all=True, append_images=FRAMES[1:]), KEPT, None),
    "PNG of 256 frames": (encoded(FRAMES[0], "PNG", save_all=True, append_images=FRAMES[1:]), KEPT, None),
    "CMYK JPEG": (picture("JPEG", "CMYK"), KEPT, None),
    "CMYK TIFF": (picture("TIFF", "CMYK"), KEPT, None),
    "palette PNG": (picture("PNG", "P"), KEPT, None),
    "16-bit PNG": (picture("PNG", "I;16"), KEPT, None),
    "16-bit TIFF": (picture("TIFF", "I;16"), KEPT, None),
    "one pixel": (picture("PNG", size=(1, 1)), KEPT, None),
    "one row of 60,000": (encoded(Image.new("L", (60_000, 1)), "PNG"), KEPT, None),
    "one row of 70,000": (encoded(Image.new("L", (70_000, 1)), "PNG"), KEPT, ("refused", "too long")),
    "JPEG and something behind it": (picture("JPEG") + b"behind", KEPT, None),
    "a JPEG named .png": (picture("JPEG"), KEPT, None),
    "floats": (encoded(Image.fromarray(np.zeros((4, 4), np.float32)), "TIFF"), ("refused", "full scale"), None),
}


@pytest.mark.parametrize("profile", [ORIGINAL, TRAIN], ids=lambda profile: profile.name)
@pytest.mark.parametrize("kind", IMAGES)
def test_a_bad_image_is_a_sample_or_has_a_reason(kind: str, profile: MediaProfile):
    data, original, train = IMAGES[kind]
    found = judged(store_image, data, profile)
    expect(found, train if train and profile == TRAIN else original)
    if isinstance(found, StoredImage):
        with Image.open(io.BytesIO(found.data)) as image:
            image.load()
            assert image.size == (found.width, found.height)


def test_a_bit_flipped_anywhere_in_a_real_photo_never_escapes():
    for form in ("JPEG", "WEBP", "TIFF", "GIF"):
        data = encoded(photo(64, 48), form)
        for position in range(0, len(data), max(1, len(data) // 150)):
            judged(store_image, flipped(data, position), TRAIN)
