"""What a classifier got right: accuracy and macro-F1 with intervals, a report per class, the confusion matrix."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmmodels.evaluation.intervals import RESAMPLES, SEED, mean_interval

# Shapes: C clusters, L labels, R resamples.


def label_metrics(
    truth: NDArray[np.int64], guess: NDArray[np.int64], *, clusters: NDArray[np.int64], num_labels: int
) -> dict[str, dict[str, float]]:
    """`accuracy` and `macro_f1` of samples (n,), with 95 % intervals, n, and what chance would reach.

    Chance of accuracy: always the most frequent label. Chance of macro-F1: the best of always one label.
    """
    correct = (guess == truth).astype(np.float64)
    low, high = mean_interval(correct, clusters=clusters)
    counts = np.bincount(truth, minlength=num_labels)
    share = float(counts.max() / counts.sum())
    asked = int((counts > 0).sum())
    size = {"n": len(truth), "num_candidates": asked}
    value, f1_low, f1_high = macro_f1(truth, guess, clusters=clusters, num_labels=num_labels)
    return {
        "accuracy": {"value": float(correct.mean()), "low": low, "high": high, "chance": share} | size,
        "macro_f1": {"value": value, "low": f1_low, "high": f1_high, "chance": 2 * share / (1 + share) / asked} | size,
    }


def macro_f1(
    truth: NDArray[np.int64], guess: NDArray[np.int64], *, clusters: NDArray[np.int64], num_labels: int
) -> tuple[float, float, float]:
    """Mean over the labels that occur of 2 TP / (2 TP + FP + FN), and its 95 % percentile interval (Efron 1979).

    Whole clusters are resampled, as in `mean_interval`. A label that a resample lacks does not count in it.
    """
    cluster = np.unique(clusters, return_inverse=True)[1]
    num_clusters = int(cluster.max()) + 1
    right_CL, true_CL, guessed_CL = (np.zeros((num_clusters, num_labels)) for _ in range(3))
    np.add.at(right_CL, (cluster, truth), guess == truth)
    np.add.at(true_CL, (cluster, truth), 1)
    np.add.at(guessed_CL, (cluster, guess), 1)
    once_1C = np.ones((1, num_clusters))
    random = np.random.default_rng(SEED)
    times_RC = random.multinomial(num_clusters, np.full(num_clusters, 1 / num_clusters), size=RESAMPLES)
    (value,), values_R = (
        _macro(times @ right_CL, times @ true_CL, times @ guessed_CL) for times in (once_1C, times_RC.astype(float))
    )
    low, high = np.percentile(values_R, [2.5, 97.5])
    return float(value), float(low), float(high)


def _macro(right_RL: NDArray[Any], true_RL: NDArray[Any], guessed_RL: NDArray[Any]) -> NDArray[np.float64]:
    f1_RL = 2 * right_RL / np.maximum(1, true_RL + guessed_RL)
    means: NDArray[np.float64] = f1_RL.sum(axis=1, where=true_RL > 0) / np.maximum(1, (true_RL > 0).sum(axis=1))
    return means


def confusion_matrix(truth: NDArray[np.int64], guess: NDArray[np.int64], *, num_labels: int) -> NDArray[np.int64]:
    """(L, L): samples of a label (row) by the label that was guessed (column)."""
    counts_LL = np.zeros((num_labels, num_labels), dtype=np.int64)
    np.add.at(counts_LL, (truth, guess), 1)
    return counts_LL


def per_class(counts_LL: NDArray[np.int64], labels: Sequence[str]) -> list[dict[str, Any]]:
    """Precision, recall, F1 and support of every label; 0 where nothing was guessed or nothing is there."""
    right, support, guessed = np.diag(counts_LL), counts_LL.sum(axis=1), counts_LL.sum(axis=0)
    columns: Mapping[str, NDArray[Any]] = {
        "precision": right / np.maximum(1, guessed),
        "recall": right / np.maximum(1, support),
        "f1": 2 * right / np.maximum(1, guessed + support),
    }
    return [
        {"label": label}
        | {name: float(column[number]) for name, column in columns.items()}
        | {"support": int(support[number])}
        for number, label in enumerate(labels)
    ]
