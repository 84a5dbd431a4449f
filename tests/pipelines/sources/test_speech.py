import io
import random

import numpy as np
import pytest
import soundfile

from pipelines.errors import SampleError
from pipelines.sources.speech import VARIANTS, Voice, say, voice_of

WORDS = {"en": "grinning face", "de": "rotes herz", "es": "cara", "fr": "chat", "it": "bandiera grecia", "ru": "кошка"}


def every_voice() -> list[tuple[str, Voice]]:
    return [(text, voice_of(language, n)) for language, text in WORDS.items() for n in range(len(VARIANTS))]


def test_an_utterance_is_the_same_whatever_was_said_before():
    said = every_voice()
    first = {each: say(*each) for each in said}
    for seed in range(2):
        random.Random(seed).shuffle(said)
        assert all(say(*each) == first[each] for each in said)


def test_every_voice_sounds_different():
    clips = {say("grinning face", voice_of("en", n)) for n in range(len(VARIANTS))}
    assert len(clips) == len(VARIANTS) == 8


def test_speech_is_mono_flac_at_16_khz_and_does_not_clip():
    wave, rate = soundfile.read(io.BytesIO(say("grinning face", voice_of("en", 0))), dtype="int16")
    assert (wave.ndim, rate) == (1, 16_000)
    assert 0.4 < len(wave) / rate < 3
    assert 1000 < np.abs(wave.astype(int)).max() < 32_767


def test_a_voice_is_named_for_engine_language_and_speaker():
    assert str(voice_of("ru", 0)) == "espeak-ng/ru+baritone"


def test_an_unknown_voice_and_silence_are_sample_errors():
    with pytest.raises(SampleError, match="no such voice"):
        say("hello", Voice(language="xx", variant="bass"))
    with pytest.raises(SampleError, match="says nothing"):
        say("", voice_of("en", 0))
