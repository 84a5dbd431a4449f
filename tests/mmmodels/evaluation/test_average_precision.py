"""Average precision: torchmetrics' own, exact where everything is right, with intervals around it."""

import numpy as np
import pytest

from mmmodels.evaluation.average_precision import Boxes, _matched, _resampled, average_precision


def pictures(num: int = 30, *, noise: float = 0.0, seed: int = 0):
    chance = np.random.default_rng(seed)
    found, truth = [], []
    for _ in range(num):
        n = int(chance.integers(1, 4))
        low = chance.uniform(0, 60, (n, 2))
        corners = np.concatenate([low, low + chance.uniform(12, 40, (n, 2))], axis=1).astype(np.float32)
        classes = chance.integers(0, 3, n)
        truth.append(Boxes(corners_N4=corners, classes_N=classes))
        moved = (corners + chance.normal(0, noise, corners.shape)).astype(np.float32) if noise else corners
        scores = chance.uniform(0.1, 1, n).astype(np.float32)
        found.append(Boxes(corners_N4=moved, classes_N=classes, scores_N=scores))
    return found, truth


def test_the_truth_itself_has_precision_one():
    found = average_precision(*pictures(), resamples=3)
    assert found["map"] == pytest.approx({"value": 1.0, "low": 1.0, "high": 1.0})
    assert found["per_class"] == pytest.approx({0: 1.0, 1: 1.0, 2: 1.0})
    assert "map_large" not in found, "no box is that large"


def test_nothing_said_is_precision_zero():
    _, truth = pictures(5)
    nothing = Boxes(
        corners_N4=np.zeros((0, 4), np.float32), classes_N=np.zeros(0, np.int64), scores_N=np.zeros(0, np.float32)
    )
    assert average_precision([nothing] * 5, truth, resamples=2)["map"]["value"] == 0


def test_all_pictures_once_give_what_torchmetrics_gives_and_intervals_hold_it():
    found, truth = pictures(noise=3.0)
    values = average_precision(found, truth, resamples=40)
    again = _resampled(_matched(found, truth), np.arange(len(truth)))
    for name in ("map", "map_50", "map_75", "map_small", "map_medium"):
        assert again[name] == pytest.approx(values[name]["value"], abs=2e-3), "their boxes go through float32"
        assert values[name]["low"] <= values[name]["value"] <= values[name]["high"]
        assert values[name]["low"] < values[name]["high"]
