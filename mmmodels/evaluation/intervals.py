"""Bootstrap intervals over queries: whole clusters are drawn, since queries of one concept depend on each other."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
SEED = 0
MAX_DRAWS = 1 << 22
"""Draws held at once: 32 MB. A million clusters are drawn a few resamples at a time."""


def mean_interval(values: NDArray[np.float64], *, clusters: NDArray[np.int64] | None = None) -> tuple[float, float]:
    """The 95 % percentile interval (Efron 1979) of the mean; resamples whole clusters where they are given.

    Queries of one concept are not independent (one drawing, six languages): its cluster is drawn or left as a whole.
    """
    if len(values) == 0:
        return (0.0, 0.0)
    sums = resampled(np.stack([values, np.ones_like(values)], axis=1), clusters=clusters)
    return _percentiles(sums[:, 0] / sums[:, 1])


def median_interval(values: NDArray[np.int64], *, clusters: NDArray[np.int64] | None = None) -> tuple[float, float]:
    """The same of the lower median: the least value that half of the resampled queries do not exceed."""
    if len(values) == 0:
        return (0.0, 0.0)
    labels, num = _labels(len(values), clusters)
    order = np.argsort(values, kind="stable")
    ordered, labels = values[order], labels[order]
    medians = []
    for draws in _draws(num):
        for draw in draws:
            reached = np.cumsum(np.bincount(draw, minlength=num)[labels])
            medians.append(ordered[np.searchsorted(reached, reached[-1] / 2)])
    return _percentiles(np.array(medians, dtype=np.float64))


def _labels(size: int, clusters: NDArray[np.int64] | None) -> tuple[NDArray[np.int64], int]:
    """(size,): the cluster of each value from 0 on, and how many there are."""
    labels = np.arange(size) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    return labels, int(labels.max()) + 1


def _draws(num: int) -> Iterator[NDArray[np.int64]]:
    """(resamples, num) clusters at a time."""
    random = np.random.default_rng(SEED)
    step = max(1, MAX_DRAWS // num)
    for start in range(0, RESAMPLES, step):
        yield random.integers(0, num, size=(min(step, RESAMPLES - start), num))


def _percentiles(resampled: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.percentile(resampled, [2.5, 97.5])
    return float(low), float(high)


def resampled(counts: NDArray[np.float64], *, clusters: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
    """(RESAMPLES, columns): sums of the columns of (queries, columns) over clusters that are drawn with replacement."""
    labels, num = _labels(len(counts), clusters)
    sums = np.stack([np.bincount(labels, weights=column) for column in counts.T], axis=1)
    found = []
    for draws in _draws(num):
        times = np.stack([np.bincount(draw, minlength=num) for draw in draws])
        found.append(times.astype(np.float64) @ sums)
    return np.concatenate(found)
