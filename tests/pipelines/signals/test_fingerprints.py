import io
import tracemalloc
import warnings
from itertools import combinations

import numpy as np
import pytest
import soxr
from PIL import Image

from pipelines.signals import fingerprints
from pipelines.signals.decoding import decode_image
from pipelines.signals.fingerprints import (
    hash_clips,
    hash_pictures,
    hash_texts,
    minhash_similarity,
    phash_distance,
)
from pipelines.signals.matching import SAME_AUDIO, audio_similarity
from pipelines.signals.words import normalise

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import imagehash


def phash(media, pixels) -> int:
    return int(hash_pictures([media.picture(pixels)])["image_phash"][0])


def reference(pixels) -> int:
    return int(str(imagehash.phash(Image.fromarray(pixels))), 16)


@pytest.mark.parametrize(("height", "width"), [(128, 128), (200, 333), (40, 20), (600, 31)])
def test_without_the_margin_perceptual_hashes_are_those_of_imagehash(media, monkeypatch, height, width):
    monkeypatch.setattr(fingerprints, "_MARGIN", 0)
    distances = []
    for seed in range(20):
        pixels = np.asarray(Image.fromarray(media.drawing(seed, 256)).resize((width, height)))
        distances.append(phash_distance(phash(media, pixels), reference(pixels)))
    assert max(distances) <= 4
    assert np.mean(distances) <= 1


def test_perceptual_distances_are_those_of_imagehash(media):
    images = [media.drawing(seed) for seed in range(12)]
    ours, theirs = ([hashed(pixels) for pixels in images] for hashed in (lambda p: phash(media, p), reference))
    for one, other in combinations(range(12), 2):
        found, expected = (phash_distance(hashes[one], hashes[other]) for hashes in (ours, theirs))
        assert abs(found - expected) <= 8
        assert found > 12


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image.resize((96, 96), Image.Resampling.BICUBIC),
        lambda image: image.resize((200, 200), Image.Resampling.BILINEAR),
        lambda image: image.point(lambda value: round(value * 0.8)),
    ],
    ids=["smaller", "larger", "darker"],
)
def test_a_changed_copy_keeps_its_perceptual_hash(media, change):
    for seed in range(20):
        pixels = media.drawing(seed)
        copy = np.asarray(change(Image.fromarray(pixels)))
        assert phash_distance(phash(media, pixels), phash(media, copy)) <= 4


def test_a_symmetric_drawing_keeps_its_hash_when_it_is_encoded_again(media):
    half = media.drawing(5)[:, :64]
    pixels = np.concatenate([half, half[:, ::-1]], axis=1)
    copy = decode_image(media.encoded(pixels, "JPEG", quality=60)).pixels
    assert phash_distance(phash(media, pixels), phash(media, copy)) <= 2


@pytest.mark.parametrize("grey", [0, 10, 255])
def test_blank_images_have_one_hash_each(media, grey):
    pixels = np.full((90, 70, 3), grey, dtype=np.uint8)
    assert phash(media, pixels) == reference(pixels) == (0 if grey == 0 else 1 << 63)


def test_strips_do_not_change_the_perceptual_hash(media, monkeypatch):
    pixels = media.drawing(1, 200)
    whole = phash(media, pixels)
    monkeypatch.setattr(fingerprints, "_STRIP_ROWS", 7)
    assert phash(media, pixels) == whole


def exact_jaccard(left: str, right: str) -> float:
    first, second = ({f" {normalise(t)} "[i : i + 3] for i in range(len(normalise(t)))} for t in (left, right))
    return len(first & second) / len(first | second)


def test_minhash_estimates_jaccard_similarity():
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abcdefghijklmnop"), size=5)) for _ in range(60)]
    errors = []
    for _ in range(150):
        shared, own, other = (rng.choice(words, size=size) for size in rng.integers(1, 12, size=3))
        left, right = " ".join((*shared, *own)), " ".join((*shared, *other))
        one, two = hash_texts([left, right])["text_minhash"]
        errors.append(minhash_similarity(one, two) - exact_jaccard(left, right))
    assert np.mean(np.abs(errors)) <= 0.05
    assert abs(np.mean(errors)) <= 0.02


def test_minhash_has_64_values_and_does_not_see_case_or_punctuation():
    one, two, three = hash_texts(["Red apple!", "red  APPLE", "green pear"])["text_minhash"]
    assert len(one) == 64
    assert one.dtype == np.uint32
    assert minhash_similarity(one, two) == 1
    assert minhash_similarity(one, three) < 0.2


def test_minhash_is_the_same_for_ever():
    (found,) = hash_texts(["red apple"])["text_minhash"]
    assert found[:3].tolist() == FROZEN_MINHASH


@pytest.mark.parametrize("text", ["a", "红", "!", " "])
def test_the_shortest_texts_have_a_minhash(text):
    assert len(hash_texts([text])["text_minhash"][0]) == 64


def test_a_text_does_not_change_its_neighbours_minhash():
    together = hash_texts(["one text", "x", "another longer text"])["text_minhash"]
    alone = [hash_texts([text])["text_minhash"][0] for text in ("one text", "x", "another longer text")]
    assert np.array_equal(together, alone)


def test_a_text_of_a_megabyte_has_a_minhash_within_little_memory():
    rng = np.random.default_rng(0)
    text = "".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz "), size=1_000_000))
    tracemalloc.start()
    (found,) = hash_texts([text])["text_minhash"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6
    assert minhash_similarity(found, hash_texts([text[:500_000] + text[500_001:]])["text_minhash"][0]) > 0.9


def test_pieces_do_not_change_a_minhash(monkeypatch):
    texts = ["one text", "x", "a much longer text with several words in it", "y" * 50]
    whole = hash_texts(texts)["text_minhash"]
    for size in (1, 7, 20):
        monkeypatch.setattr(fingerprints, "_SHINGLES_AT_ONCE", size)
        assert np.array_equal(hash_texts(texts)["text_minhash"], whole)


FROZEN_MINHASH = [204326596, 67068404, 119183110]


def fingerprint(clip) -> np.ndarray:
    return hash_clips([clip])["audio_fingerprint"][0]


def noisy(wave, snr_db: float = 30):
    noise = np.random.default_rng(0).standard_normal(len(wave)) * np.sqrt(np.mean(wave**2) / 10 ** (snr_db / 10))
    return wave + noise


CHANGES = {
    "quieter": lambda media, wave: media.clip(wave * 0.1),
    "vorbis": lambda media, wave: media.recoded(wave),
    "mp3": lambda media, wave: media.recoded(wave, kind="MP3", subtype="MPEG_LAYER_III"),
    "noise": lambda media, wave: media.clip(noisy(wave)),
    "telephone rate": lambda media, wave: media.clip(soxr.resample(wave, 16_000, 8_000), 8_000),
    "higher rate": lambda media, wave: media.clip(soxr.resample(wave, 16_000, 44_100), 44_100),
    "later": lambda media, wave: media.clip(np.concatenate([np.zeros(1_003), wave])),
    "trimmed": lambda media, wave: media.clip(wave[777:]),
    "stereo": lambda media, wave: media.clip(np.stack([wave, wave], axis=1)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_of_a_clip_is_the_same_recording(media, change):
    for seed in range(12):
        wave = media.babble(seed)
        copy = CHANGES[change](media, wave)
        assert audio_similarity(fingerprint(media.clip(wave)), fingerprint(copy)) > SAME_AUDIO


def test_other_clips_are_other_recordings(media):
    prints = [fingerprint(media.clip(media.babble(seed))) for seed in range(24)]
    assert max(audio_similarity(one, other) for one, other in combinations(prints, 2)) < SAME_AUDIO - 0.05


def test_gain_by_a_power_of_two_changes_no_bit(media):
    wave = media.babble(0).astype(np.float32)
    assert np.array_equal(fingerprint(media.clip(wave)), fingerprint(media.clip(wave / 8)))


def test_silence_and_shreds_match_nothing_not_even_themselves(media):
    for wave in (np.zeros(16_000), media.tone(440)[:300]):
        silent = fingerprint(media.clip(wave))
        assert audio_similarity(silent, silent) == 0


def test_a_part_of_a_clip_is_not_the_clip(media):
    wave = media.babble(3)
    assert audio_similarity(fingerprint(media.clip(wave)), fingerprint(media.clip(wave[: len(wave) // 2]))) == 0


def test_a_fingerprint_has_62_words_a_second(media):
    assert fingerprint(media.clip(media.tone(440, seconds=10))).dtype == np.uint32
    assert len(fingerprint(media.clip(media.tone(440, seconds=10)))) == pytest.approx(620, abs=5)


def test_real_pictures_are_hashed_from_bytes(media):
    data = media.encoded(media.drawing(0))
    assert int(hash_pictures([decode_image(data)])["image_phash"][0]) == phash(
        media, np.asarray(Image.open(io.BytesIO(data)))
    )
