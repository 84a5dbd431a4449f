import io
import json
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from pipelines.errors import SampleError, SourceError
from pipelines.shards.media import MediaProfile, bounds, store_image
from tests.media_files import encoded, flipped, photo, picture, png, png_chunk


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


def test_zero_bytes_are_refused():
    with pytest.raises(SampleError, match="zero bytes"):
        store_image(b"")


@pytest.mark.parametrize(("width", "height"), [(9_000, 9_000), (20_000, 20_000), (2**31 - 1, 2**31 - 1)])
def test_a_bomb_is_an_error_and_not_a_warning(width: int, height: int):
    with pytest.raises(SampleError, match=r"pixels|too large") as caught:
        store_image(png(width, height, b"\0" * 100))
    assert caught.value.status == "refused"


def test_more_bytes_than_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bounds, "MAX_MEDIA_BYTES", 10)
    with pytest.raises(SampleError, match="at most 10"):
        store_image(b"x" * 11)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF"])
def test_a_bit_flip_anywhere_gives_an_image_or_a_sample_error_and_nothing_else(form: str):
    data = picture(form)
    for position in range(0, len(data), 3):
        with suppress(SampleError):
            assert store_image(flipped(data, position)).width > 0


HEADER = MediaProfile(check="header")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_header_check_keeps_what_is_whole_and_finds_what_is_cut(form: str):
    data = encoded(photo(200, 150), form)
    stored = store_image(data, profile=HEADER)
    assert (stored.data, stored.width, stored.height) == (data, 200, 150)
    for end in (len(data) // 3, len(data) // 2, len(data) - 30):
        with pytest.raises(SampleError):
            store_image(data[:end], profile=HEADER)


def test_a_jpeg_decoded_at_an_eighth_is_judged_as_one_decoded_whole():
    import simplejpeg

    for options in ({}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_rows": 1}):
        data = encoded(photo(320, 240), "JPEG", quality=90, **options)
        verdicts = set()
        for position in range(2, len(data), 61):
            broken = flipped(data, position)
            try:
                simplejpeg.decode_jpeg(broken)
                whole = True
            except ValueError:
                whole = False
            try:
                store_image(broken)
                kept = True
            except SampleError:
                kept = False
            assert kept <= whole, position
            verdicts.add((whole, kept))
        assert verdicts >= {(True, True), (False, False)}


def test_a_flipped_bit_in_a_png_is_always_found():
    data = encoded(photo(60, 40), "PNG")
    for position in range(8, len(data), 7):
        with pytest.raises(SampleError):
            store_image(flipped(data, position))


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("size", [(1, 1), (3, 2), (5, 9), (33, 17)])
def test_every_whole_png_passes(mode: str, size: tuple[int, int]):
    data = picture("PNG", mode, size)
    assert store_image(data).data == data


def test_a_png_of_interlaced_rows_passes_and_is_refused_when_rows_are_missing():
    # 1x1 in the first of Adam7's seven passes, the others are empty
    rows = b"\0" + b"\x80\x80\x80"
    header_of_interlaced = b"\0\0\0\1\0\0\0\1\x08\x02\0\0\1"
    plain = png(1, 1, rows)
    assert store_image(plain).width == 1
    interlaced = plain.replace(png_chunk(b"IHDR", plain[16:29]), png_chunk(b"IHDR", header_of_interlaced))
    assert interlaced != plain
    assert store_image(interlaced).width == 1
    with pytest.raises(SampleError, match="all of its pixel rows"):
        store_image(png(2, 2, rows))


def test_exif_behind_the_pixels_of_a_png_is_read():
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    data = picture("PNG")
    end = data.rindex(b"IEND") - 4
    late = data[:end] + png_chunk(b"eXIf", exif.tobytes()[6:]) + data[end:]
    assert json.loads(store_image(late).exif or "") == {"Make": "Maker"}


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "tiny"), ("check", "none"), ("audio_rate_hz", 8000), ("image_side_pixels", 0), ("jpeg_quality", 101)],
)
def test_a_profile_that_cannot_be_is_refused(field: str, value):
    with pytest.raises(SourceError, match=field):
        MediaProfile(**{field: value})


def test_training_media_are_always_decoded():
    with pytest.raises(SourceError, match="decodes everything"):
        MediaProfile(name="train", check="header")
