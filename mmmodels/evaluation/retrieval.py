"""Retrieval in six directions: where in the ranking of all candidates the right one stands."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmmodels.evaluation.intervals import mean_interval

CUTOFFS = (1, 5, 10)
CHUNK = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranked:
    """One direction on one set: the rank of the right candidate for each query (0 = first)."""

    ranks: NDArray[np.int64]
    num_candidates: NDArray[np.int64]
    """(queries,): how many each query had to choose from."""
    clusters: NDArray[np.int64]
    """(queries,): queries of one concept depend on each other."""

    def hits(self, cutoff: int) -> NDArray[np.float64]:
        """(queries,): 1 where the right one is among the first `cutoff`."""
        return (self.ranks < cutoff).astype(np.float64)

    def metrics(self) -> dict[str, dict[str, float]]:
        """r_at_k and the median rank (1 = first), with interval, number of queries and candidates, and chance."""
        found = {}
        for cutoff in CUTOFFS:
            hits = self.hits(cutoff)
            low, high = mean_interval(hits, clusters=self.clusters)
            chance = float(np.minimum(1.0, cutoff / self.num_candidates).mean())
            found[f"r_at_{cutoff}"] = self._row(float(hits.mean()), low, high, chance)
        median = float(np.median(self.ranks) + 1)
        found["median_rank"] = self._row(median, median, median, float((self.num_candidates.mean() + 1) / 2))
        return found

    def _row(self, value: float, low: float, high: float, chance: float) -> dict[str, float]:
        sizes = {"n": len(self.ranks), "num_candidates": float(np.median(self.num_candidates))}
        return {"value": value, "low": low, "high": high, "chance": chance} | sizes


def ranks_of(queries_QD: NDArray[np.float32], candidates_QD: NDArray[np.float32]) -> NDArray[np.int64]:
    """(Q,): rank of candidate i for query i among all candidates; a tie counts against the query.

    In chunks of queries, so that the similarity matrix never stands in memory as a whole.
    """
    ranks = []
    for start in range(0, len(queries_QD), CHUNK):
        part = queries_QD[start : start + CHUNK]
        scores = part @ candidates_QD.T
        own = scores[np.arange(len(part)), np.arange(start, start + len(part))]
        ranks.append((scores >= own[:, None]).sum(axis=1) - 1)
    return np.concatenate(ranks) if ranks else np.zeros(0, dtype=np.int64)


def joined(parts: list[Ranked]) -> Ranked:
    """Several candidate sets (one a language) as one result over all their queries."""
    return Ranked(
        ranks=np.concatenate([part.ranks for part in parts]),
        num_candidates=np.concatenate([part.num_candidates for part in parts]),
        clusters=np.concatenate([part.clusters for part in parts]),
    )
