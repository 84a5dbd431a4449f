"""Every kind of bad medium that we know of: a sample, or a SampleError whose status and reason say why."""

import io
import re
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from pipelines.errors import SampleError
from pipelines.shards.media import MediaProfile, StoredAudio, StoredImage, store_audio, store_image
from tests.media_files import clip, encoded, flipped, photo, picture, png, png_chunk, sound

ORIGINAL, TRAIN = MediaProfile(), MediaProfile(name="train")
KEPT = "kept"
BROKEN = ("failed_to_decode", r"(image|clip) of \d+ bytes does not decode: .{5}")
FRAMES = [Image.new("RGB", (8, 8), (shade, 0, 0)) for shade in range(256)]


def cut(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]


def spoilt(data: bytes) -> bytes:
    """One flipped bit, two thirds into it."""
    return flipped(data, len(data) * 2 // 3)


def with_a_hole(data: bytes) -> bytes:
    middle = len(data) * 2 // 3
    return data[:middle] + bytes(40) + data[middle + 40 :]


def wav_that_claims(num_bytes: int, *, rate_hz: int = 8000, channels: int = 1, bits: int = 16) -> bytes:
    data = bytearray(clip(frames=400))
    struct.pack_into("<HI", data, 22, channels, rate_hz)
    struct.pack_into("<H", data, 34, bits)
    struct.pack_into("<I", data, 40, num_bytes)
    return bytes(data)


def flac_that_claims(num_frames: int) -> bytes:
    data = bytearray(clip("FLAC", frames=5000))
    data[21] = data[21] & 0xF0 | num_frames >> 32
    struct.pack_into(">I", data, 22, num_frames & 0xFFFFFFFF)
    return bytes(data)


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


def ogg_without_a_page() -> bytes:
    pages = sound(np.random.default_rng(0).uniform(-0.5, 0.5, 60_000), "OGG").split(b"OggS")[1:]
    assert len(pages) > 5
    return b"".join(b"OggS" + page for page in pages[:3] + pages[4:])


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
SOUNDS = {
    "zero bytes": (b"", ("failed_to_decode", "zero bytes"), None),
    "no sound": (b"\0" * 100, BROKEN, None),
    "a picture with the name of a clip": (picture("PNG"), BROKEN, None),
    "FLAC and then nothing": (b"fLaC" + b"\xff" * 60, BROKEN, None),
    "OGG and then nothing": (b"OggS" + b"\0" * 60, BROKEN, None),
    "cut FLAC": (cut(clip("FLAC", frames=20_000)), BROKEN, None),
    "cut WAV": (cut(clip(frames=20_000)), BROKEN, None),
    "cut OGG": (cut(clip("OGG", frames=20_000)), BROKEN, None),
    "cut MP3": (cut(clip("MP3", frames=20_000)), ("failed_to_decode", "truncated: [0-9]+ of 20000"), None),
    "FLAC with a flipped bit": (spoilt(clip("FLAC", frames=20_000)), BROKEN, None),
    "OGG with a flipped bit": (spoilt(clip("OGG", frames=20_000)), BROKEN, None),
    "OGG without a page": (
        ogg_without_a_page(),
        BROKEN,
        None,
    ),
    "WAV that claims 2 GB": (wav_that_claims(0x70000000), BROKEN, None),
    "WAV written into a pipe": (wav_that_claims(0xFFFFFFFF), KEPT, None),
    "FLAC that claims 2^36 frames": (flac_that_claims((1 << 36) - 1), ("failed_to_decode", "truncated: 5000 of"), None),
    "FLAC that claims a frame more": (flac_that_claims(5001), ("failed_to_decode", "truncated: 5000 of 5001"), None),
    "FLAC written into a pipe": (flac_that_claims(0), KEPT, None),
    "1 Hz": (clip(rate_hz=1), ("refused", "at 1 Hz, 1000 to 384000"), None),
    "4 GHz": (wav_that_claims(800, rate_hz=4_000_000_000), ("refused", "at 4000000000 Hz, 1000 to 384000"), None),
    "0 Hz": (wav_that_claims(800, rate_hz=0), ("refused", "at 0 Hz"), None),
    "no channel": (wav_that_claims(800, channels=0), BROKEN, None),
    "8 channels": (clip(channels=8), ("refused", "8 channels, 1 to 2"), KEPT),
    "9 channels": (clip(channels=9), ("refused", "9 channels"), ("refused", "1 to 8")),
    "no frame": (clip(frames=0), ("failed_to_decode", "no sound"), None),
    "one frame": (clip(frames=1), KEPT, None),
    "one frame at 48 kHz": (clip(frames=1, rate_hz=48_000), KEPT, ("refused", "too short")),
    "not a number": (sound(np.array([0.1, np.nan]), subtype="FLOAT"), ("refused", "holds nan"), None),
    "infinite": (sound(np.array([0.1, -np.inf]), subtype="DOUBLE"), ("refused", "holds inf"), None),
    "floats as large as integers": (sound(np.array([0.1, 20_000]), subtype="FLOAT"), ("refused", "20000.*scale"), None),
    "longer than ten minutes": (clip("FLAC", frames=601_000, rate_hz=1000), ("refused", "longer than 600 s"), None),
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


@pytest.mark.parametrize("profile", [ORIGINAL, TRAIN], ids=lambda profile: profile.name)
@pytest.mark.parametrize("kind", SOUNDS)
def test_a_bad_clip_is_a_sample_or_has_a_reason(kind: str, profile: MediaProfile):
    data, original, train = SOUNDS[kind]
    found = judged(store_audio, data, profile)
    expect(found, train if train and profile == TRAIN else original)


def judged(store, data: bytes, profile: MediaProfile) -> StoredImage | StoredAudio | SampleError:
    try:
        return store(data, profile=profile)
    except SampleError as error:
        return error


def expect(found: StoredImage | StoredAudio | SampleError, expected) -> None:
    if expected == KEPT:
        assert not isinstance(found, SampleError), found
        return
    status, reason = expected
    assert isinstance(found, SampleError)
    assert found.status == status
    assert re.search(reason, str(found)), found
    assert "\n" not in str(found)
    assert len(str(found)) < 400


def test_a_bit_flipped_anywhere_in_a_real_photo_never_escapes():
    for form in ("JPEG", "WEBP", "TIFF", "GIF"):
        data = encoded(photo(64, 48), form)
        for position in range(0, len(data), max(1, len(data) // 150)):
            judged(store_image, flipped(data, position), TRAIN)
