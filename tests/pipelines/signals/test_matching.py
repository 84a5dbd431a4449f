from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.samples import Modality
from pipelines.signals.fingerprints import hash_clips, hash_pictures
from pipelines.signals.matching import (
    SAME_AUDIO,
    SAME_COLOURS,
    audio_similarities,
    audio_similarity,
    colour_difference,
    match_clips,
    match_pictures,
)
from tests.benchmarks.making import drawing
from tests.benchmarks.matching import Member, match_copies

WORDS = st.lists(st.integers(0, 2**32 - 1), max_size=40)


def members(contents) -> list[Member]:
    return [Member(groups=frozenset({str(place)}), content=one) for place, one in enumerate(contents)]


@pytest.mark.slow
def test_copies_of_drawings_are_found_and_nothing_else():
    from pipelines.signals.decoding import decode_image

    found = match_copies(members(decode_image(drawing(seed)) for seed in range(150)), Modality.IMAGE, num_queries=50)
    assert found.recall >= 0.98
    assert found.precision >= 0.99


@pytest.mark.slow
def test_copies_of_clips_are_found_and_nothing_else(media):
    clips = members(media.clip(media.babble(seed, seconds=1.0 + seed % 5 / 10)) for seed in range(120))
    found = match_copies(clips, Modality.AUDIO, num_queries=40)
    assert found.recall >= 0.98
    assert found.precision >= 0.99


def test_two_flags_of_one_grey_are_two_pictures(media):
    """A hash of grey calls them one; their colours do not."""
    red, green = np.zeros((60, 90, 3)), np.zeros((60, 90, 3))
    red[:, :30], green[:, :30] = (255, 0, 0), (0, 130, 0)  # both of luma 76
    one, other = (hash_pictures([media.picture(pixels)]) for pixels in (red, green))
    assert one["image_phash"] == other["image_phash"]
    assert colour_difference(one["image_colours"][0], other["image_colours"][0]) > SAME_COLOURS
    assert match_pictures(one, other) == []
    assert match_pictures(one, one) == [(0, 0)]


def test_colours_are_the_means_of_the_cells(media):
    pixels = media.drawing(1, 64)
    (found,) = hash_pictures([media.picture(pixels)])["image_colours"]
    expected = pixels.reshape(8, 8, 8, 8, 3).mean(axis=(1, 3)).ravel()
    assert found.dtype == np.uint8
    assert np.abs(found - expected).max() <= 0.51


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 200), (77, 5), (1030, 9)])
def test_colours_of_a_plain_picture_are_its_colour_at_any_size(media, height, width):
    (found,) = hash_pictures([media.picture(np.full((height, width, 3), (10, 200, 255)))])["image_colours"]
    assert found.reshape(-1, 3).tolist() == [[10, 200, 255]] * 64


def test_one_gain_over_all_colours_is_no_difference():
    colours = np.random.default_rng(0).integers(0, 200, 192)
    assert colour_difference(colours, colours * 1.25) == pytest.approx(0)
    assert colour_difference(colours, colours * 3) > SAME_COLOURS


@given(WORDS, st.lists(WORDS, max_size=6))
@settings(max_examples=60, deadline=None)
def test_one_with_many_is_as_one_with_each(query, library):
    together = audio_similarities(query, library)
    assert together.tolist() == [audio_similarity(query, words) for words in library]
    assert ((together >= 0) & (together <= 1 + 1e-12)).all()


@given(WORDS, WORDS)
@settings(max_examples=60, deadline=None)
def test_similarity_has_no_direction(left, right):
    assert audio_similarity(left, right) == pytest.approx(audio_similarity(right, left), abs=1e-12)


def test_sparse_fingerprints_are_not_alike_because_most_bits_are_zero():
    rng = np.random.default_rng(0)
    sparse = [np.packbits(rng.random((60, 32)) < 0.1, axis=1).view(">u4").ravel().astype(np.uint32) for _ in range(10)]
    assert max(audio_similarity(one, other) for one, other in pairwise(sparse)) < 0.3
    assert audio_similarity(sparse[0], sparse[0]) == pytest.approx(1)


def test_a_sentence_that_ends_otherwise_is_another_recording(media):
    first, second = media.babble(1), media.babble(2)
    half = len(first) // 2
    mixed = np.concatenate([first[:half], second[half:]])
    one, other = hash_clips([media.clip(first), media.clip(mixed)])["audio_fingerprint"]
    assert audio_similarity(one, other) < SAME_AUDIO - 0.1
    assert match_clips([one], [other, one]) == [(0, 1)]
    assert match_clips([], [one]) == match_clips([one], []) == []
