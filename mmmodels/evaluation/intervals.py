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
    sums = resampled(np.stack([values, np.ones_like(values)], axis=1), clusters=clusters)
    low, high = np.percentile(sums[:, 0] / sums[:, 1], [2.5, 97.5])
    return float(low), float(high)


def resampled(counts: NDArray[np.float64], *, clusters: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
    """(RESAMPLES, columns): sums of the columns of (queries, columns) over clusters that are drawn with replacement."""
    random = np.random.default_rng(SEED)
    labels = np.arange(len(counts)) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    sums = np.stack([np.bincount(labels, weights=column) for column in counts.T], axis=1)
    draws = random.integers(0, len(sums), size=(RESAMPLES, len(sums)))
    times = np.stack([np.bincount(draw, minlength=len(sums)) for draw in draws])
    found: NDArray[np.float64] = times.astype(np.float64) @ sums
    return found
