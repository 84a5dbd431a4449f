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
