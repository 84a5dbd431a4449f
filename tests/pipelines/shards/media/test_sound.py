import io
from contextlib import suppress

import numpy as np
import pytest
import soundfile

from pipelines.errors import SampleError
from pipelines.shards.media import MediaProfile, bounds, encode_flac, store_audio, to_flac
from tests.media_files import RATE_HZ, clip, flipped, heard, picture, sound

TRAIN = MediaProfile(name="train")


@pytest.mark.parametrize("form", ["FLAC", "WAV", "OGG", "MP3"])
def test_a_bit_flip_anywhere_gives_a_clip_or_a_sample_error_and_nothing_else(form: str):
    data = clip(form)
    for position in range(0, len(data), 17):
        with suppress(SampleError):
            assert store_audio(flipped(data, position)).sample_rate_hz > 0


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
    monkeypatch.setattr(bounds, "MAX_AUDIO_SECONDS", 1)
    with pytest.raises(SampleError, match=r"longer than 1 s"):
        store_audio(clip(frames=RATE_HZ + 1))


@pytest.mark.parametrize("form", ["FLAC", "WAV", "OGG", "MP3"])
def test_a_cut_clip_is_refused(form: str):
    data = clip(form, frames=40_000)
    with pytest.raises(SampleError, match=r"truncated|does not decode"):
        store_audio(data[: len(data) // 2])


@pytest.mark.parametrize("data", [b"\0" * 100, b"fLaC" + b"\xff" * 60, b"OggS" + b"\0" * 60, picture("PNG")])
def test_what_is_no_sound_is_refused(data: bytes):
    with pytest.raises(SampleError, match="does not decode"):
        store_audio(data)


def test_a_clip_is_stored_the_same_however_it_is_cut_into_blocks(monkeypatch: pytest.MonkeyPatch):
    from pipelines.shards.media import blocks

    clips = [clip(form, frames=30_000) for form in ("WAV", "MP3", "OGG")]
    whole = [store_audio(data).data for data in clips]
    monkeypatch.setattr(blocks, "_BLOCK_VALUES", 1000)
    assert [store_audio(data).data for data in clips] == whole


def test_clips_of_floats_are_heard():
    wave = 0.5 * np.sin(np.arange(8000) / 7)
    for subtype in ("FLOAT", "DOUBLE"):
        assert np.abs(heard(store_audio(sound(wave, subtype=subtype)).data)[:, 0] - wave).max() < 1e-6


@pytest.mark.parametrize("profile", [MediaProfile(), TRAIN])
@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_what_a_codec_decodes_louder_than_full_scale_is_clipped_and_not_wrapped(subtype: str, profile: MediaProfile):
    data = sound(0.999 * np.sign(np.sin(np.arange(48_000) / 37)), "OGG", subtype, rate_hz=48_000)
    loud = heard(data)
    assert loud.max() > 1
    if profile.name == "original":
        assert np.abs(heard(store_audio(data, profile=profile).data) - loud.clip(-1, 1)).max() < 1e-4
    else:
        assert np.corrcoef(heard(store_audio(data, profile=profile).data)[:, 0], loud[::3, 0])[0, 1] > 0.98


@pytest.mark.parametrize("rate", [16_000, 48_000])
@pytest.mark.parametrize("came_at", [8_000, 16_000, 22_050, 48_000])
def test_training_clips_are_mono_of_one_rate_and_sound_the_same(came_at: int, rate: int):
    seconds = np.arange(came_at) / came_at
    stereo = np.stack([np.sin(2 * np.pi * 440 * seconds), np.zeros(came_at)], axis=1)
    stored = store_audio(sound(0.8 * stereo, rate_hz=came_at), profile=MediaProfile(name="train", audio_rate_hz=rate))
    found = heard(stored.data)
    assert (stored.sample_rate_hz, found.shape[1], stored.extension) == (rate, 1, "flac")
    assert stored.duration_seconds == pytest.approx(1, abs=2 / rate)
    wanted = 0.4 * np.sin(2 * np.pi * 440 * np.arange(len(found)) / rate)
    assert np.abs(found[500:-500, 0] - wanted[500:-500]).max() < 1e-3


def test_a_mono_clip_of_the_wanted_rate_keeps_every_sample():
    wave = np.random.default_rng(0).integers(-32768, 32768, 5000).astype(np.int16)
    stored = store_audio(sound(wave, rate_hz=16_000), profile=TRAIN)
    assert np.array_equal(heard(stored.data, "int16")[:, 0], wave)


def test_training_twice_gives_the_same_bytes():
    data = clip("FLAC", channels=2, frames=20_000)
    assert store_audio(data, profile=TRAIN) == store_audio(data, profile=TRAIN)


def test_eight_channels_are_mixed_down_for_training():
    assert heard(store_audio(clip(channels=8), profile=TRAIN).data).shape[1] == 1


def test_flac_of_a_length_that_was_not_told_is_taken():
    data = bytearray(clip("FLAC", frames=5000))
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    for profile in (MediaProfile(), MediaProfile(check="header")):
        assert store_audio(bytes(data), profile=profile).duration_seconds == 5000 / RATE_HZ


def test_a_header_check_keeps_flac_and_its_duration():
    data = clip("FLAC", frames=5000)
    stored = store_audio(data, profile=MediaProfile(check="header"))
    assert (stored.data, stored.duration_seconds) == (data, 5000 / RATE_HZ)


def test_what_was_encoded_here_is_stored_as_if_it_had_been_decoded():
    wave = np.random.default_rng(0).integers(-9999, 9999, 5000).astype(np.int16)
    data = encode_flac(wave, RATE_HZ)
    at_once = store_audio(data)
    encode_flac(wave[:10], RATE_HZ)
    assert at_once == store_audio(data)
    assert np.array_equal(heard(data, "int16")[:, 0], wave)
    assert store_audio(encode_flac(wave, RATE_HZ), profile=TRAIN).sample_rate_hz == 16_000


def test_flac_that_training_wants_stays_as_it_came():
    data = clip("FLAC", rate_hz=16_000, frames=20_000)
    assert store_audio(data, profile=TRAIN).data == data
    assert store_audio(data, profile=MediaProfile(name="train", audio_rate_hz=48_000)).data != data
    with pytest.raises(SampleError):
        store_audio(data[: len(data) // 2], profile=TRAIN)
