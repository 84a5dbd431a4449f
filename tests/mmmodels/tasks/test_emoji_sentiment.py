"""Sentiment of emoji: the published ranking, cut where it is said."""

import pytest

from mmmodels.tasks.emoji_sentiment import sentiment_by_thing, sentiment_of


@pytest.mark.parametrize(
    ("counts", "sentiment"),
    [
        ((3614, 4163, 6845), "neutral"),  # the face with tears of joy: 0.221
        ((355, 1334, 6361), "positive"),  # the heart: 0.746
        ((2412, 1218, 1896), "negative"),  # the loudly crying face: -0.093
        ((0, 0, 1), "neutral"),  # one tweet says little: 1 / 4
    ],
)
def test_the_score_is_the_difference_of_the_estimated_probabilities(counts, sentiment):
    assert sentiment_of(*counts) == sentiment


def test_drawings_are_found_by_their_code_points_and_rare_ones_are_left_out():
    found = sentiment_by_thing()
    assert (found["2764"], found["1F602"], found["1F62D"]) == ("positive", "neutral", "negative")
    assert 600 < len(found) <= 751
    assert set(found.values()) == {"negative", "neutral", "positive"}
