import io

import numpy as np
import pytest
from PIL import Image

from pipelines.errors import SignalError
from pipelines.signals.decoding import decode_image
from pipelines.signals.image import measure_images
from pipelines.signals.jpeg import decode_jpeg, jpeg_quality


def by_pillow(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("quality", range(1, 101))
def test_the_quality_that_a_file_was_saved_with_is_found(media, quality):
    found = jpeg_quality(media.encoded(media.drawing(1, 16), "JPEG", quality=quality))
    assert found == quality


def test_the_quality_of_other_programs_is_the_nearest_setting(media):
    with Image.open(io.BytesIO(media.encoded(media.drawing(1), "JPEG", quality=80))) as image:
        luminance, colour = (image.quantization[number] for number in (0, 1))
    odd = [value + place % 2 for place, value in enumerate(luminance)]
    assert abs(jpeg_quality(media.encoded(media.drawing(1), "JPEG", qtables=[odd, colour])) - 80) <= 3


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_other_formats_have_no_jpeg_quality(media, kind):
    data = media.encoded(media.drawing(1), kind)
    assert jpeg_quality(data) is None
    assert decode_jpeg(data) is None
    assert measure_images([decode_image(data)])["jpeg_quality"] == [None]


@pytest.mark.parametrize(
    "options",
    [
        {"quality": 60},
        {"quality": 95, "subsampling": "4:4:4"},
        {"quality": 80, "subsampling": "4:2:0"},
        {"quality": 80, "progressive": True},
        {"quality": 80, "optimize": True},
    ],
)
@pytest.mark.parametrize("side", [7, 64, 129])
def test_pixels_are_those_of_pillow_to_the_bit(media, options, side):
    data = media.encoded(media.drawing(side, side), "JPEG", **options)
    assert np.array_equal(decode_jpeg(data), by_pillow(data))


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_ink_come_out_as_colours(media, mode):
    data = media.encoded(Image.fromarray(media.drawing(3)).convert(mode), "JPEG")
    picture = decode_image(data)
    assert np.array_equal(picture.pixels, by_pillow(data))
    assert picture.jpeg_quality == 75


def test_a_cut_jpeg_is_a_signal_error(media):
    data = media.encoded(media.drawing(3), "JPEG")
    for end in (4, 40, len(data) // 2, len(data) - 40):
        with pytest.raises(SignalError, match="does not decode"):
            decode_image(data[:end])


def test_a_jpeg_over_the_limit_is_refused_before_it_is_decoded(media, monkeypatch):
    data = media.encoded(media.drawing(1), "JPEG")
    monkeypatch.setattr("pipelines.signals.jpeg.MAX_IMAGE_PIXELS", 100)
    monkeypatch.setattr("pipelines.shards.decoding.MAX_IMAGE_PIXELS", 100)
    with pytest.raises(SignalError, match="128x128 pixels, expected at most 100"):
        decode_image(data)
