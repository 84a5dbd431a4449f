"""Paired bootstrap: by how much one model beats another on the same queries, and how sure that is."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmmodels.errors import GateError

QUERY_COLUMNS = ("metric", "uid", "hit")
"""Of queries.parquet: one row per metric and query; `hit` is 1 or 0, or any score whose mean is the metric."""
CELLS_PER_BLOCK = 10_000_000
"""Resampling weights held at once: 80 MB."""

Hits = dict[tuple[str, str], float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Resampling:
    """How a difference is resampled."""

    num_resamples: int = 2_000
    confidence: float = 0.95
    """Of the one-sided bound."""
    seed: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class PairedDifference:
    """Challenger minus champion, as a mean over metrics of the mean over queries."""

    value: float
    low: float
    """Lower bound: the truth lies above it with the confidence asked for."""
    num_queries: int


def paired_difference(
    challenger: pa.Table, champion: pa.Table, metrics: Sequence[str], resampling: Resampling
) -> PairedDifference:
    """Resample queries by uid, all metrics and both models together: what varies between queries cancels.

    Where the table has a column `group`, whole groups are resampled: clips of one thing are not independent.
    """
    ours, theirs = _hits(challenger, metrics), _hits(champion, metrics)
    if ours.keys() != theirs.keys():
        raise GateError(
            f"queries of the two models differ ({len(ours.keys() ^ theirs.keys())} of {len(ours)} are not in both) "
            "although their evaluation is the same. Evaluate both again."
        )
    sums, counts = _by_cluster(ours, theirs, _clusters(challenger), metrics)
    means = _resampled_means(sums, counts, resampling)
    return PairedDifference(
        value=float(np.mean(sums.sum(0) / counts.sum(0))),
        low=float(np.quantile(means, 1 - resampling.confidence)),
        num_queries=len(ours),
    )


def _hits(queries: pa.Table, metrics: Sequence[str]) -> Hits:
    """(metric, uid) -> hit, of the metrics asked for; refuses what a mean would hide."""
    absent = [name for name in QUERY_COLUMNS if name not in queries.column_names]
    if absent:
        raise GateError(
            f"queries: no column {', '.join(absent)}, only {', '.join(queries.column_names)}. Evaluate again."
        )
    wanted = set(metrics)
    rows = [
        row
        for row in zip(*(queries.column(name).to_pylist() for name in QUERY_COLUMNS), strict=True)
        if row[0] in wanted
    ]
    hits = {(metric, uid): hit for metric, uid, hit in rows}
    bad = [f"{metric} {uid}" for (metric, uid), hit in hits.items() if hit is None or not isfinite(hit)]
    without = wanted - {metric for metric, _ in hits}
    if bad or without or len(hits) != len(rows):
        raise GateError(
            f"queries: {len(bad)} without a finite hit {bad[:3]}, {len(rows) - len(hits)} listed twice, "
            f"none at all for {sorted(without)}. Evaluate again."
        )
    return hits


def _clusters(queries: pa.Table) -> dict[str, str]:
    """uid -> what is resampled as one."""
    column = "group" if "group" in queries.column_names else "uid"
    pairs = zip(queries["uid"].to_pylist(), queries[column].to_pylist(), strict=True)
    return {str(uid): str(cluster) for uid, cluster in pairs}


def _by_cluster(
    ours: Hits, theirs: Hits, clusters: dict[str, str], metrics: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sums of differences and numbers of queries, clusters x metrics; the order of rows does not matter."""
    row_of = {cluster: row for row, cluster in enumerate(sorted({clusters[uid] for _, uid in ours}))}
    column_of = {metric: column for column, metric in enumerate(metrics)}
    sums, counts = np.zeros((2, len(row_of), len(metrics)))
    for (metric, uid), hit in ours.items():
        place = row_of[clusters[uid]], column_of[metric]
        sums[place] += hit - theirs[metric, uid]
        counts[place] += 1
    return sums, counts


def _resampled_means(
    sums: NDArray[np.float64], counts: NDArray[np.float64], resampling: Resampling
) -> NDArray[np.float64]:
    """The statistic of each resample; a metric that a resample leaves without queries is left out of its mean."""
    rng = np.random.default_rng(resampling.seed)
    num_clusters = len(sums)
    means = np.empty(resampling.num_resamples)
    block = max(1, CELLS_PER_BLOCK // num_clusters)
    for start in range(0, resampling.num_resamples, block):
        stop = min(start + block, resampling.num_resamples)
        drawn = (rng.integers(0, num_clusters, num_clusters) for _ in range(start, stop))
        weights = np.stack([np.bincount(clusters, minlength=num_clusters) for clusters in drawn]).astype(np.float64)
        with np.errstate(invalid="ignore"):
            means[start:stop] = np.nanmean((weights @ sums) / (weights @ counts), axis=1)
    return means
