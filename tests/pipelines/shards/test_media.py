import io
import json
import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
import soundfile
from PIL import Image

from pipelines.errors import SampleError
from pipelines.shards import media
from pipelines.shards.media import store_audio, store_image, to_flac

RATE_HZ = 8000


def picture(form: str, mode: str = "RGB", size: tuple[int, int] = (20, 10), **options) -> bytes:
    buffer = io.BytesIO()
    image = Image.effect_noise(size, 80).convert("RGB" if mode == "I;16" else mode)
    if mode == "I;16":
        image = Image.fromarray(np.arange(size[0] * size[1], dtype=np.uint16).reshape(size[::-1]))
    image.save(buffer, form, **options)
    return buffer.getvalue()


def clip(form: str = "WAV", subtype: str | None = None, channels: int = 1, frames: int = 800) -> bytes:
    wave = 0.4 * np.sin(np.arange(frames) / 7)[:, None].repeat(channels, axis=1)
    buffer = io.BytesIO()
    soundfile.write(buffer, wave, RATE_HZ, format=form, subtype=subtype)
    return buffer.getvalue()


def png_that_claims(width: int, height: int) -> bytes:
    """A valid header and no pixels to speak of."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("form", "mode", "extension"),
    [
        ("JPEG", "RGB", "jpg"),
        ("JPEG", "CMYK", "jpg"),
        ("JPEG", "L", "jpg"),
        ("PNG", "RGBA", "png"),
        ("PNG", "P", "png"),
        ("PNG", "I;16", "png"),
        ("WEBP", "RGB", "webp"),
    ],
)
def test_images_that_every_reader_knows_stay_as_they_came(form: str, mode: str, extension: str):
    data = picture(form, mode)
    stored = store_image(data)
    assert (stored.data, stored.extension, stored.width, stored.height) == (data, extension, 20, 10)


@pytest.mark.parametrize("form", ["GIF", "BMP", "TIFF"])
def test_other_images_become_png_of_the_same_pixels(form: str):
    data = picture(form)
    stored = store_image(data)
    assert stored.extension == "png"
    with Image.open(io.BytesIO(data)) as before, Image.open(io.BytesIO(stored.data)) as after:
        assert after.format == "PNG"
        assert np.array_equal(np.asarray(before.convert("RGB")), np.asarray(after.convert("RGB")))


def test_an_animation_is_kept_and_measured_by_its_first_frame():
    frames = [Image.new("RGB", (6, 4), color) for color in ("red", "blue")]
    buffer = io.BytesIO()
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:])
    assert store_image(buffer.getvalue()).width == 6


def test_exif_becomes_json():
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    stored = store_image(picture("JPEG", exif=exif.tobytes()))
    assert json.loads(stored.exif or "") == {"Make": "Maker"}


def test_broken_exif_does_not_cost_the_picture():
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    data = picture("JPEG", exif=exif.tobytes()).replace(b"Exif\0\0MM\0*", b"Exif\0\0MM\0?")
    assert store_image(data).width == 20


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_cut_image_is_refused_with_a_reason(form: str):
    data = picture(form, size=(200, 200))
    with pytest.raises(SampleError, match="does not decode") as caught:
        store_image(data[: len(data) // 2])
    assert caught.value.status == "failed_to_decode"


@pytest.mark.parametrize("data", [b"\0" * 100, b"GIF89a", b"<svg/>", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"RIFF\0\0\0\0WEBP"])
def test_what_is_no_image_is_refused(data: bytes):
    with pytest.raises(SampleError, match="does not decode"):
        store_image(data)


@pytest.mark.parametrize("store", [store_image, store_audio])
def test_zero_bytes_are_refused(store):
    with pytest.raises(SampleError, match="zero bytes"):
        store(b"")


@pytest.mark.parametrize(("width", "height"), [(9_000, 9_000), (20_000, 20_000), (2**31 - 1, 2**31 - 1)])
def test_a_bomb_is_an_error_and_not_a_warning(width: int, height: int):
    with pytest.raises(SampleError, match=r"pixels|too large") as caught:
        store_image(png_that_claims(width, height))
    assert caught.value.status == "refused"


@pytest.mark.parametrize("store", [store_image, store_audio])
def test_more_bytes_than_the_limit_are_refused(store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(media, "MAX_MEDIA_BYTES", 10)
    with pytest.raises(SampleError, match="at most 10"):
        store(b"x" * 11)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF"])
def test_a_bit_flip_anywhere_gives_an_image_or_a_sample_error_and_nothing_else(form: str):
    data = picture(form)
    for position in range(0, len(data), 3):
        flipped = data[:position] + bytes([data[position] ^ 0x10]) + data[position + 1 :]
        with suppress(SampleError):
            assert store_image(flipped).width > 0


@pytest.mark.parametrize("form", ["FLAC", "WAV", "OGG", "MP3"])
def test_a_bit_flip_anywhere_gives_a_clip_or_a_sample_error_and_nothing_else(form: str):
    data = clip(form)
    for position in range(0, len(data), 17):
        flipped = data[:position] + bytes([data[position] ^ 0x10]) + data[position + 1 :]
        with suppress(SampleError):
            assert store_audio(flipped).sample_rate_hz > 0


@pytest.mark.parametrize(("subtype", "channels"), [("PCM_16", 1), ("PCM_24", 2), ("PCM_U8", 1)])
def test_wav_becomes_flac_without_loss(subtype: str, channels: int):
    data = clip(subtype=subtype, channels=channels)
    stored = store_audio(data)
    before, _ = soundfile.read(io.BytesIO(data), dtype="int32", always_2d=True)
    after, rate = soundfile.read(io.BytesIO(stored.data), dtype="int32", always_2d=True)
    assert np.array_equal(before, after)
    assert (rate, stored.sample_rate_hz, stored.duration_seconds, stored.extension) == (RATE_HZ, RATE_HZ, 0.1, "flac")


@pytest.mark.parametrize(("form", "subtype"), [("OGG", "VORBIS"), ("MP3", None), ("AIFF", "PCM_16"), ("WAV", "FLOAT")])
def test_other_sound_becomes_flac_of_the_same_length(form: str, subtype: str | None):
    stored = store_audio(clip(form, subtype))
    with soundfile.SoundFile(io.BytesIO(stored.data)) as file:
        assert (file.format, file.samplerate, file.channels) == ("FLAC", RATE_HZ, 1)
        assert abs(file.frames - 800) <= 2304  # MP3 pads to frames


def test_flac_stays_as_it_came():
    data = clip("FLAC")
    assert to_flac(data) == data


def test_converting_twice_gives_the_same_bytes():
    data = clip("OGG", "VORBIS")
    assert to_flac(data) == to_flac(data)


def test_one_frame_is_a_clip_and_none_is_not():
    assert store_audio(clip(frames=1)).duration_seconds == 1 / RATE_HZ
    with pytest.raises(SampleError, match="no sound"):
        store_audio(clip(frames=0))


def test_eight_channels_are_refused():
    with pytest.raises(SampleError, match="8 channels") as caught:
        store_audio(clip(channels=8))
    assert caught.value.status == "refused"


def test_a_clip_longer_than_the_limit_is_refused_without_reading_it_whole(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(media, "MAX_AUDIO_SECONDS", 1)
    with pytest.raises(SampleError, match=r"longer than 1 s"):
        store_audio(clip(frames=RATE_HZ + 1))


@pytest.mark.parametrize("form", ["FLAC", "WAV"])
def test_a_cut_clip_is_refused_or_as_long_as_what_is_there(form: str):
    data = clip(form, frames=40_000)
    cut = data[: len(data) // 2]
    if form == "FLAC":
        with pytest.raises(SampleError):
            store_audio(cut)
    else:
        assert store_audio(cut).duration_seconds < 5


@pytest.mark.parametrize("data", [b"\0" * 100, b"fLaC" + b"\xff" * 60, b"OggS" + b"\0" * 60, picture("PNG")])
def test_what_is_no_sound_is_refused(data: bytes):
    with pytest.raises(SampleError, match="does not decode"):
        store_audio(data)
