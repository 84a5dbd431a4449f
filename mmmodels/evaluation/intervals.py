"""Bootstrap intervals of a mean over queries."""

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
SEED = 0


def mean_interval(values: NDArray[np.float64], *, clusters: NDArray[np.int64] | None = None) -> tuple[float, float]:
    """The 95 % percentile interval (Efron 1979) of the mean; resamples whole clusters where they are given.

    Queries of one concept are not independent (one drawing, six languages): its cluster is drawn or left as a whole.
    """
    if len(values) == 0:
        return (0.0, 0.0)
    random = np.random.default_rng(SEED)
    labels = np.arange(len(values)) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    sums, counts = np.bincount(labels, weights=values), np.bincount(labels)
    draws = random.integers(0, len(sums), size=(RESAMPLES, len(sums)))
    means = sums[draws].sum(axis=1) / counts[draws].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)
