"""Text metrics by hand; tests/compat holds them to COCO's own code."""

import numpy as np
import pytest

from mmmodels.evaluation.intervals import mean_interval, resampled
from mmmodels.evaluation.text_metrics import bleu, bleu_counts, cider_d, rouge_l, words_of


def test_words_of_scripts_without_spaces_are_their_characters():
    assert words_of("Roter Kreis, 2x") == ["roter", "kreis", ",", "2x"]
    assert words_of("красный круг") == ["красный", "круг"]
    assert words_of("赤い丸") == ["赤", "い", "丸"]


def test_a_text_that_is_its_reference_scores_highest_and_another_lowest():
    texts = ["red circle on blue ground", "two cats under one tree"]
    references = [[text] for text in texts]
    assert bleu(bleu_counts(references, texts).sum(axis=0)) == pytest.approx([1, 1, 1, 1])
    assert rouge_l(references, texts) == pytest.approx([1, 1])
    assert cider_d(references, texts) == pytest.approx([10, 10])
    swapped = texts[::-1]
    assert bleu(bleu_counts(references, swapped).sum(axis=0)) == pytest.approx([0, 0, 0, 0])
    assert rouge_l(references, swapped) == pytest.approx([0, 0])
    assert cider_d(references, swapped) == pytest.approx([0, 0])


def test_bleu_counts_what_is_said_too_often_once_and_punishes_short_answers():
    counts = bleu_counts([["the cat"]], ["the the"])
    assert bleu(counts[0])[0] == pytest.approx(0.5)
    short = bleu_counts([["a b c d"]], ["a b"])
    assert bleu(short[0])[0] == pytest.approx(np.exp(1 - 4 / 2))


def test_rouge_weighs_recall_more():
    precise, complete = rouge_l([["a b c d"], ["a b"]], ["a b", "a b c d"])
    assert complete > precise


@pytest.mark.parametrize("guess", ["", " ", "!?"])
def test_an_answer_without_words_scores_nothing_and_breaks_nothing(guess):
    references = [["red circle"], ["blue square"]]
    assert cider_d(references, [guess, guess]) == pytest.approx([0, 0])
    assert rouge_l(references, [guess, guess]) == pytest.approx([0, 0])
    assert bleu(bleu_counts(references, [guess, guess]).sum(axis=0)) == pytest.approx([0, 0, 0, 0])


def test_resampled_sums_give_the_interval_of_the_mean():
    values, clusters = np.arange(12, dtype=np.float64), np.repeat(np.arange(4), 3)
    sums = resampled(np.stack([values, np.ones(12)], axis=1), clusters=clusters)
    assert (sums[:, 1] == 12).all()
    low, high = mean_interval(values, clusters=clusters)
    assert 1 <= low < values.mean() < high <= 10
