import tracemalloc
import warnings

import numpy as np
import pytest
import soxr

from pipelines.signals.audio import RESAMPLING_TOLERANCE, measure_clips
from pipelines.signals.loudness import loudness_lufs

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import pyloudnorm


def measured(clip) -> dict[str, float]:
    return {name: values[0] for name, values in measure_clips([clip]).items()}


def test_a_full_scale_sine_of_997_hz_has_the_loudness_of_the_recommendation(media):
    wave = media.tone(997, seconds=3, level=1.0, rate=48_000)[:, None]
    assert loudness_lufs(wave, 48_000) == pytest.approx(-3.01, abs=0.02)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_loudness_agrees_with_pyloudnorm(media, rate, channels):
    rng = np.random.default_rng(rate)
    wave = media.babble(3, seconds=2.0, rate=rate)[:, None] * rng.uniform(0.1, 1, channels)
    wave[rate // 2 : rate] *= 0.003  # so that both gates have work
    reference = pyloudnorm.Meter(rate, filter_class="DeMan").integrated_loudness(wave)
    assert loudness_lufs(wave.astype(np.float32), rate) == pytest.approx(reference, abs=0.02)


def test_loudness_falls_with_gain_and_not_with_the_rate(media):
    wave = media.babble(1, seconds=2.0)
    loud = loudness_lufs(wave[:, None], 16_000)
    assert loudness_lufs(wave[:, None] / 2, 16_000) == pytest.approx(loud - 6.02, abs=0.01)
    again = soxr.resample(wave, 16_000, 44_100)
    assert loudness_lufs(again[:, None], 44_100) == pytest.approx(loud, abs=0.1)


def test_a_clip_under_400_ms_is_one_block(media):
    long, short = (media.tone(997, seconds=seconds) for seconds in (2.0, 0.25))
    assert loudness_lufs(short[:, None], 16_000) == pytest.approx(loudness_lufs(long[:, None], 16_000), abs=0.3)


def test_digital_silence_has_figures_not_nulls(media):
    found = measured(media.clip(np.zeros(16_000)))
    assert (found["loudness_lufs"], found["peak_dbfs"]) == (-70, pytest.approx(-144))
    assert (found["silence_share"], found["snr_db"], found["bandwidth_hz"]) == (1, 0, 0)


@pytest.mark.parametrize("length", [1, 100, 511])
def test_very_short_clips_are_measured(media, length):
    found = measured(media.clip(media.tone(3000)[:length] + 0.1))
    assert all(np.isfinite(value) for value in found.values())


def test_facts_of_the_file(media):
    found = measured(media.clip(np.zeros((11_025, 2)), rate=22_050))
    assert (found["duration_seconds"], found["sample_rate_hz"], found["channels"]) == (0.5, 22_050, 2)


def test_peak_and_dc_offset(media):
    found = measured(media.clip(np.clip(media.tone(440, level=0.4) - 0.1, -1, 1)))
    assert found["peak_dbfs"] == pytest.approx(20 * np.log10(0.5), abs=0.01)
    assert found["dc_offset"] == pytest.approx(-0.1, abs=1e-4)


def test_clipping_counts_both_sides(media):
    wave = np.clip(media.tone(440, level=2.0), -1, 1)
    expected = np.mean(np.abs(wave) >= 0.999)
    assert expected > 0.5
    assert measured(media.clip(wave))["clipping_share"] == pytest.approx(expected, abs=1e-6)
    assert measured(media.clip(wave * 0.9))["clipping_share"] == 0


@pytest.mark.parametrize("level", [0.5, 0.05])
def test_silence_is_relative_to_the_loudest_frame(media, level):
    wave = np.concatenate([media.tone(440, level=level, seconds=0.6), np.zeros(6_400)])
    assert measured(media.clip(wave))["silence_share"] == pytest.approx(0.4, abs=0.01)


@pytest.mark.parametrize("snr_db", [10, 20, 40])
def test_the_noise_between_words_is_estimated(media, snr_db):
    speech = media.tone(440, seconds=2.0) * (np.arange(32_000) % 8_000 < 5_000)
    power = 0.5**2 / 2
    noise = np.random.default_rng(0).normal(0, np.sqrt(power / 10 ** (snr_db / 10)), len(speech))
    assert measured(media.clip(speech + noise))["snr_db"] == pytest.approx(snr_db, abs=1.5)


@pytest.mark.parametrize("cutoff", [2_000, 4_000])
def test_bandwidth_tells_a_clip_that_was_resampled_up(media, cutoff):
    wave = 0.1 * np.random.default_rng(0).standard_normal(2 * cutoff)
    found = measured(media.clip(soxr.resample(wave, 2 * cutoff, 16_000)))
    assert found["bandwidth_hz"] == pytest.approx(cutoff, rel=0.06)
    assert measured(media.clip(0.1 * np.random.default_rng(0).standard_normal(16_000)))["bandwidth_hz"] > 7_900


def test_rows_do_not_depend_on_their_neighbours(media):
    clips = [media.clip(media.babble(seed), rate) for seed, rate in enumerate((16_000, 8_000, 16_000))]
    together = measure_clips(clips)
    for place, clip in enumerate(clips):
        assert all(values[place] == measured(clip)[name] for name, values in together.items())


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000])
def test_figures_do_not_hang_on_the_sample_rate_beyond_the_stated_tolerance(media, rate):
    waves = [media.babble(seed, seconds=2.0) for seed in range(8)]
    waves.append(np.concatenate([0.8 * media.babble(9), np.zeros(8_000), 0.001 * media.babble(10)]))
    first = measure_clips([media.clip(wave) for wave in waves])
    second = measure_clips([media.clip(soxr.resample(wave, 16_000, rate), rate) for wave in waves])
    assert set(RESAMPLING_TOLERANCE) == set(first) - {"sample_rate_hz", "channels"}
    for name, tolerance in RESAMPLING_TOLERANCE.items():
        assert np.abs(first[name] - second[name]).max() <= tolerance, name


def test_a_long_clip_is_measured_within_little_memory(media):
    clip = media.clip(np.tile(media.babble(1, seconds=10.0), 12))
    tracemalloc.start()
    found = measured(clip)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found["duration_seconds"] == pytest.approx(120)
    assert peak < 12 * clip.num_bytes
