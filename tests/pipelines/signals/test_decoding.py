import numpy as np
import pytest
from PIL import Image

from pipelines.errors import SignalError
from pipelines.shards import decoding
from pipelines.signals.decoding import decode_audio, decode_image


def test_png_comes_back_pixel_for_pixel(media):
    pixels = media.drawing(1)
    assert np.array_equal(decode_image(media.encoded(pixels)).pixels, pixels)


def test_transparency_lies_on_white_and_is_counted(media):
    rgba = np.zeros((10, 10, 4), dtype=np.uint8)
    rgba[:5, :, 3] = 255
    picture = decode_image(media.encoded(Image.fromarray(rgba)))
    assert picture.alpha_share == 0.5
    assert (picture.pixels[:5] == 0).all()
    assert (picture.pixels[5:] == 255).all()


def test_an_opaque_alpha_channel_is_no_transparency(media):
    rgba = np.dstack([media.drawing(1), np.full((128, 128), 255, dtype=np.uint8)])
    picture = decode_image(media.encoded(Image.fromarray(rgba)))
    assert picture.alpha_share == 0
    assert np.array_equal(picture.pixels, rgba[:, :, :3])


def test_palettes_with_a_transparent_colour_are_seen(media):
    image = Image.new("P", (4, 4), 0)
    image.putpalette([10, 20, 30, 200, 0, 0])
    image.putpixel((0, 0), 1)
    picture = decode_image(media.encoded(image, transparency=0))
    assert picture.alpha_share == pytest.approx(15 / 16)
    assert tuple(picture.pixels[0, 0]) == (200, 0, 0)


def test_sixteen_bit_grey_is_scaled_not_clipped(media):
    deep = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    picture = decode_image(media.encoded(Image.fromarray(deep)))
    assert picture.luminance.ravel().tolist() == (deep >> 8).ravel().tolist()


def test_luma_is_that_of_bt_601(media):
    assert media.picture([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]]).luminance.tolist() == [[76, 150, 29]]


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_lossy_formats_decode(media, kind):
    pixels = media.drawing(2)
    found = decode_image(media.encoded(pixels, kind, quality=90)).pixels
    assert np.abs(found.astype(int) - pixels).mean() < 5


@pytest.mark.parametrize("data", [b"", b"no image", b"\x89PNG\r\n\x1a\n" + bytes(40)])
def test_what_is_no_image_is_a_signal_error(data):
    with pytest.raises(SignalError, match="does not decode"):
        decode_image(data)


def test_a_cut_image_is_a_signal_error(media):
    data = media.encoded(media.drawing(3))
    with pytest.raises(SignalError, match="does not decode"):
        decode_image(data[: len(data) // 2])


def test_images_over_the_limit_are_refused_before_they_are_decoded(media, monkeypatch):
    monkeypatch.setattr(decoding, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(SignalError, match="128x128 pixels, expected at most 100"):
        decode_image(media.encoded(media.drawing(1)))


def test_flac_comes_back_sample_for_sample(media):
    wave = np.round(media.babble(1) * 32767).astype(np.int16)
    clip = decode_audio(media.stored(wave))
    assert np.array_equal(clip.mono, wave.astype(np.float32) / 32768)
    assert clip.sample_rate_hz == 16_000


def test_mono_is_the_mean_of_the_channels(media):
    stereo = np.stack([np.full(100, 0.5), np.full(100, -0.25)], axis=1)
    clip = decode_audio(media.stored(stereo))
    assert clip.samples.shape == (100, 2)
    assert clip.mono == pytest.approx(0.125, abs=1e-4)


def test_what_is_no_sound_is_a_signal_error(media, monkeypatch):
    with pytest.raises(SignalError, match="does not decode"):
        decode_audio(b"no clip")
    with pytest.raises(SignalError, match="holds no sound"):
        decode_audio(media.stored(np.zeros(0), kind="WAV"))
    monkeypatch.setattr(decoding, "MAX_AUDIO_VALUES", 10)
    with pytest.raises(SignalError, match="expected at most 10"):
        decode_audio(media.stored(np.zeros(100)))
