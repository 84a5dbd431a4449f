"""Decoding: bytes of any usual kind to arrays of one shape, and an error for what is none."""

import io

import numpy as np
import pytest
import soundfile
from PIL import Image

from mmmodels.batches import decode_clip, decode_image
from mmmodels.recipes import AudioConfig, ImageConfig
from pipelines.errors import SampleError

IMAGE, AUDIO = ImageConfig(size_pixels=32), AudioConfig(num_frames=40)


def encoded(image, kind="PNG"):
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def clip(samples, rate_hz, kind="FLAC"):
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate_hz, format=kind)
    return buffer.getvalue()


def test_transparent_pixels_become_white_and_the_shorter_side_is_padded_with_white():
    image = Image.new("RGBA", (40, 20), (0, 0, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 20, 20))
    array = decode_image(encoded(image), config=IMAGE)
    assert array.shape == (3, 32, 32)
    assert array[:, 0, 0].tolist() == [255, 255, 255]
    assert array[:, 16, 4].tolist() == [255, 0, 0]
    assert array[:, 16, 28].tolist() == [255, 255, 255]


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "1"])
def test_every_usual_mode_decodes(mode):
    image = Image.new(mode, (50, 60))
    kind = "TIFF" if mode == "CMYK" else "PNG"
    assert decode_image(encoded(image, kind), config=IMAGE).dtype == np.uint8


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"no picture at all"])
def test_what_is_no_image_is_a_sample_error(data):
    with pytest.raises(SampleError, match="Give JPEG"):
        decode_image(data, config=IMAGE)


def test_a_stereo_clip_of_another_rate_comes_out_mono_at_the_models_rate():
    seconds = np.arange(44_100) / 44_100
    tone = 0.5 * np.sin(2 * np.pi * 440 * seconds)
    array = decode_clip(clip(np.stack([tone, tone], axis=1), 44_100), config=AUDIO)
    spectrum = np.abs(np.fft.rfft(array.astype(float)))
    assert array.shape == (AUDIO.num_samples,)
    assert np.argmax(spectrum) * 16_000 / len(array) == pytest.approx(440, abs=3)


def test_a_short_clip_is_padded_with_silence():
    array = decode_clip(clip(np.full(100, 0.5), 16_000), config=AUDIO)
    assert np.all(array[:100] > 16_000)
    assert not array[100:].any()


@pytest.mark.parametrize("data", [b"", b"fLaC", b"RIFF0000WAVE"])
def test_what_is_no_clip_is_a_sample_error(data):
    with pytest.raises(SampleError, match="Give FLAC"):
        decode_clip(data, config=AUDIO)


PHOTOGRAPH = ImageConfig(size_pixels=48, source_pixels=64, augmentation="photographs")


def scene(width, height):
    """Soft shapes: what a photograph is to a codec."""
    small = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("size", [(64, 64), (100, 64), (64, 90)])
def test_a_photograph_of_the_right_side_is_only_cut(size):
    image = scene(*size)
    left, top = (size[0] - 64) // 2, (size[1] - 64) // 2
    data = encoded(image, "JPEG")
    whole = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
    found = decode_image(data, config=PHOTOGRAPH).transpose(1, 2, 0).astype(int)
    assert abs(found - whole[top : top + 64, left : left + 64]).max() <= 2


@pytest.mark.parametrize("size", [(120, 100), (300, 200), (640, 512), (2000, 1500), (40, 30)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_photograph_of_another_size_looks_as_if_pillow_had_resized_its_middle(size, kind):
    data = encoded(scene(*size), kind)
    whole = Image.open(io.BytesIO(data)).convert("RGB")
    side = min(size)
    left, top = (size[0] - side) // 2, (size[1] - side) // 2
    wanted = whole.crop((left, top, left + side, top + side)).resize((64, 64), Image.Resampling.BICUBIC)
    found = decode_image(data, config=PHOTOGRAPH).transpose(1, 2, 0)
    assert found.shape == (64, 64, 3)
    assert abs(found.astype(int) - np.asarray(wanted).astype(int)).mean() < 2.5


def test_an_image_stays_as_it_is_when_the_next_is_decoded():
    first = decode_image(encoded(scene(64, 64), "JPEG"), config=PHOTOGRAPH)
    before = first.copy()
    decode_image(encoded(Image.new("RGB", (64, 64), "red"), "JPEG"), config=PHOTOGRAPH)
    assert np.array_equal(first, before)


def test_a_transparent_photograph_stands_on_white():
    image = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    assert decode_image(encoded(image), config=PHOTOGRAPH).min() == 255


def test_a_jpeg_in_ink_decodes():
    data = encoded(Image.new("CMYK", (64, 64), (0, 255, 255, 0)), "JPEG")
    assert decode_image(data, config=PHOTOGRAPH)[0].mean() > 200


def test_a_jpeg_that_claims_too_many_pixels_is_refused_before_it_is_decoded():
    data = bytearray(encoded(scene(64, 64), "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = (60_000).to_bytes(2) * 2
    with pytest.raises(SampleError, match="60000 x 60000"):
        decode_image(bytes(data), config=PHOTOGRAPH)


def test_a_progressive_jpeg_of_endless_scans_is_refused():
    buffer = io.BytesIO()
    scene(64, 64).save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    assert decode_image(data, config=PHOTOGRAPH).shape == (3, 64, 64)
    scan = data.rindex(b"\xff\xda")
    bomb = data[:scan] + data[scan:-2] * 100 + data[-2:]
    with pytest.raises(SampleError, match="more than 100 scans"):
        decode_image(bomb, config=PHOTOGRAPH)


def test_half_a_jpeg_is_a_sample_error():
    data = encoded(scene(200, 200), "JPEG")
    with pytest.raises(SampleError, match="verify"):
        decode_image(data[: len(data) // 2], config=PHOTOGRAPH)


def test_other_formats_than_pictures_are_never_opened():
    with pytest.raises(SampleError):
        decode_image(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", config=IMAGE)


def test_a_clip_in_the_models_own_format_comes_out_as_it_is():
    values = np.random.default_rng(0).integers(-32768, 32767, AUDIO.num_samples).astype(np.int16)
    assert np.array_equal(decode_clip(clip(values, 16_000), config=AUDIO), values)


def test_a_clip_in_floating_point_keeps_its_loudness():
    data = io.BytesIO()
    soundfile.write(data, np.full(9000, 0.5), 16_000, format="WAV", subtype="FLOAT")
    assert decode_clip(data.getvalue(), config=AUDIO)[100] == pytest.approx(16384, abs=2)


def test_a_short_clip_may_be_repeated_as_often_as_it_fits():
    config = AudioConfig(num_frames=40, padding="repeat")
    array = decode_clip(clip(np.full(3000, 0.5), 16_000), config=config)
    assert np.all(array[:6000] > 16_000)
    assert not array[6000:].any()
