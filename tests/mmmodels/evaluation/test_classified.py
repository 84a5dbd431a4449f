"""Macro-F1 and its interval against scikit-learn and a loop; the report per class; the picture."""

import io

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import f1_score, precision_recall_fscore_support

from mmmodels.evaluation.classified import confusion_matrix, label_metrics, macro_f1, per_class
from mmmodels.evaluation.confusion_picture import confusion_png


def answers(seed: int, *, num: int = 300, labels: int = 4):
    random = np.random.default_rng(seed)
    truth = random.integers(0, labels, num)
    guess = np.where(random.random(num) < 0.6, truth, random.integers(0, labels, num))
    return truth, guess, random.integers(0, 40, num)


@pytest.mark.parametrize("seed", range(3))
def test_macro_f1_is_that_of_scikit_learn_and_its_interval_that_of_a_loop(seed):
    truth, guess, clusters = answers(seed)
    value, low, high = macro_f1(truth, guess, clusters=clusters, num_labels=4)
    assert value == pytest.approx(f1_score(truth, guess, average="macro"))
    random = np.random.default_rng(1)
    members = [np.flatnonzero(clusters == cluster) for cluster in np.unique(clusters)]
    draws = []
    for _ in range(1000):
        rows = np.concatenate([members[number] for number in random.integers(0, len(members), len(members))])
        draws.append(f1_score(truth[rows], guess[rows], average="macro"))
    assert (low, high) == pytest.approx(np.percentile(draws, [2.5, 97.5]), abs=0.012)
    assert low < value < high


def test_a_label_that_nobody_asked_about_does_not_count():
    truth, guess = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 2])
    value, _, _ = macro_f1(truth, guess, clusters=np.arange(4), num_labels=3)
    assert value == pytest.approx((1 + 2 / 3) / 2)


def test_chance_is_the_best_of_always_one_label():
    truth = np.array([0, 0, 0, 1])
    found = label_metrics(truth, np.zeros(4, dtype=np.int64), clusters=np.arange(4), num_labels=2)
    assert found["accuracy"]["chance"] == found["accuracy"]["value"] == 0.75
    assert found["macro_f1"]["chance"] == pytest.approx(found["macro_f1"]["value"])


def test_the_report_per_class_is_that_of_scikit_learn():
    truth, guess, _ = answers(5)
    rows = per_class(confusion_matrix(truth, guess, num_labels=4), list("abcd"))
    wanted = precision_recall_fscore_support(truth, guess)
    for place, name in enumerate(("precision", "recall", "f1", "support")):
        assert [row[name] for row in rows] == pytest.approx(wanted[place].tolist())


@pytest.mark.parametrize("num", [2, 60, 80])
def test_the_picture_of_a_confusion_matrix_stands_on_white_and_shows_the_diagonal(num):
    counts = np.full((num, num), 1) + np.eye(num, dtype=np.int64) * 50 * num
    image = Image.open(io.BytesIO(confusion_png(counts, [f"label {n}" for n in range(num)], title="of 60")))
    pixels = np.asarray(image.convert("RGB")).astype(int)
    assert (pixels[0] == 255).all()
    is_dark_blue = (pixels[:, :, 2] - pixels[:, :, 0] > 60) & (pixels[:, :, 0] < 60)
    rows, columns = np.nonzero(is_dark_blue[:, : int(pixels.shape[1] * 0.85)])
    assert np.corrcoef(rows, columns)[0, 1] > 0.7  # two blocks: 0.75
