import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import soxr

from pipelines.errors import SignalError
from pipelines.signals import models
from pipelines.signals.decoding import decode_audio
from pipelines.signals.speech import measure_speech, speech_probabilities
from pipelines.signals.speech_quality import measure_speech_quality, opinion_scores
from pipelines.sources.speech import say, voice_of


@pytest.fixture(scope="module")
def spoken():
    """Some seconds of synthetic English."""
    return decode_audio(
        say("The quick brown fox jumps over the lazy dog in the garden of the house", voice_of("en", 0))
    )


def noise(seconds: float, level: float = 0.1) -> np.ndarray:
    return level * np.random.default_rng(0).standard_normal(round(16_000 * seconds)).astype(np.float32)


def test_speech_is_told_from_noise_tones_and_silence(media, spoken):
    clips = [spoken, media.clip(noise(3)), media.clip(media.tone(440, seconds=3)), media.clip(np.zeros(48_000))]
    found = measure_speech(clips)
    assert found["speech_share"][0] > 0.8
    assert found["speech_probability"][0] > 0.8
    assert (found["speech_share"][1:] < 0.1).all()


def test_half_a_clip_of_speech_is_half_a_share(media, spoken):
    voice = spoken.mono[: spoken.sample_rate_hz * 3]
    whole, half = measure_speech([media.clip(voice), media.clip(np.concatenate([voice, noise(3, 0.001)]))])[
        "speech_share"
    ]
    assert half == pytest.approx(whole / 2, abs=0.06)


@pytest.mark.slow
def test_probabilities_are_those_of_the_package(spoken):
    from silero_vad.sequence_vad import SileroVADSequence  # imports torch

    path = models.session_of("silero_vad", "data/silero_vad_16k_sequence.onnx", family="speech@1")._model_path
    reference = SileroVADSequence(path).audio_forward(spoken.mono)
    assert np.array_equal(speech_probabilities(spoken), reference)


def test_blocks_do_not_change_the_probabilities(spoken, monkeypatch):
    whole = speech_probabilities(spoken)
    monkeypatch.setattr("pipelines.signals.speech._FRAMES_AT_ONCE", 7)
    assert np.allclose(speech_probabilities(spoken), whole, atol=1e-6)


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000])
def test_the_share_of_speech_does_not_hang_on_the_sample_rate(media, spoken, rate):
    other = media.clip(soxr.resample(spoken.mono, spoken.sample_rate_hz, rate), rate)
    first, second = measure_speech([spoken, other])["speech_share"]
    assert second == pytest.approx(first, abs=0.05)


def test_noise_lowers_the_opinion_of_the_background_most(media, spoken):
    voice = np.resize(spoken.mono, 160_000)
    clean, noisy = (opinion_scores(media.clip(wave)) for wave in (voice, voice + noise(10, 0.05)))
    assert ((clean >= 1) & (clean <= 5)).all()
    assert clean[1] - noisy[1] > 1
    assert noisy[2] < clean[2]


def test_the_last_window_ends_with_the_clip(media, spoken):
    voice = np.resize(spoken.mono, 2 * 144_160)
    first, second = (opinion_scores(media.clip(part)) for part in np.split(voice, 2))
    raw_order = opinion_scores(media.clip(voice))
    assert np.minimum(first, second).min() - 0.05 <= raw_order.min()
    assert raw_order[2] == pytest.approx((first[2] + second[2]) / 2, abs=0.05)


@pytest.mark.parametrize("measurer", [measure_speech, measure_speech_quality])
def test_one_sample_of_sound_has_figures(media, measurer):
    for rate in (8_000, 16_000, 48_000):
        found = measurer([media.clip(np.ones(1) * 0.5, rate)])
        assert all(np.isfinite(values).all() for values in found.values())


@pytest.mark.parametrize(
    ("package", "family", "measurer"),
    [
        ("silero_vad", "speech", measure_speech),
        ("speechmos", "speech_quality", measure_speech_quality),
        ("onnxruntime", "speech", measure_speech),
    ],
)
def test_an_absent_extra_says_what_to_install(media, monkeypatch, package, family, measurer):
    models.session_of.cache_clear()
    monkeypatch.setattr(models, "find_spec", lambda _: None)
    if package == "onnxruntime":
        monkeypatch.setitem(sys.modules, package, None)
    expected = rf"{family}@1: .*cannot be loaded.*{package}.*Run: pip install 'trivium\[{family}\]'"
    with pytest.raises(SignalError, match=expected):
        measurer([media.clip(np.zeros(100))])


def test_a_package_without_the_model_says_what_to_install():
    load = partial(models.session_of, "json", "no.onnx", family="speech@1")
    with pytest.raises(SignalError, match=r"speech@1: .*no\.onnx is not there.*Run: pip install --upgrade"):
        load()


def test_the_models_do_not_need_torch():
    code = (
        "import sys, numpy as np\n"
        "from pipelines.signals.decoding import Clip\n"
        "from pipelines.signals.speech import measure_speech\n"
        "from pipelines.signals.speech_quality import measure_speech_quality\n"
        "clips = [Clip(samples=np.zeros((16000, 1), np.float32), sample_rate_hz=16000)]\n"
        "measure_speech(clips), measure_speech_quality(clips)\n"
        "assert not {'torch', 'librosa', 'silero_vad', 'speechmos'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
