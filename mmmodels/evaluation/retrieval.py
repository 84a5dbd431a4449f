"""Retrieval in one direction: recall at 1, 5 and 10 and the median rank, with intervals and what chance would give."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmmodels.evaluation.intervals import mean_interval, median_interval

CUTOFFS = (1, 5, 10)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranked:
    """One direction on one set; a query may have several right candidates, the best of them counts."""

    ranks: NDArray[np.int64]
    """(queries,): wrong candidates before the best right one."""
    num_candidates: NDArray[np.int64]
    """(queries,): how many each query had to choose from."""
    num_right: NDArray[np.int64]
    """(queries,): how many of them are right."""
    clusters: NDArray[np.int64]
    """(queries,): queries of one concept depend on each other."""

    def hits(self, cutoff: int) -> NDArray[np.float64]:
        """(queries,): 1 where a right one is among the first `cutoff`."""
        return (self.ranks < cutoff).astype(np.float64)

    def metrics(self) -> dict[str, dict[str, float]]:
        """r_at_k and the median rank (1 = first), with interval, number of queries and candidates, and chance."""
        found = {}
        for cutoff in CUTOFFS:
            hits = self.hits(cutoff)
            low, high = mean_interval(hits, clusters=self.clusters)
            found[f"r_at_{cutoff}"] = self._row(float(hits.mean()), low, high, float(self.chance(cutoff).mean()))
        low, high = median_interval(self.ranks, clusters=self.clusters)
        # The best of p places drawn from n is expected at (n + 1) / (p + 1).
        expected = float(((self.num_candidates + 1) / (self.num_right + 1)).mean())
        found["median_rank"] = self._row(float(np.median(self.ranks) + 1), low + 1, high + 1, expected)
        return found

    def chance(self, cutoff: int) -> NDArray[np.float64]:
        """(queries,): of a hit where the order is random, 1 - C(n - p, k) / C(n, k) for p right ones among n."""
        misses = np.zeros(len(self.ranks))  # as a logarithm: a chance of one in a million keeps its digits
        with np.errstate(divide="ignore"):  # certain where there are fewer than k wrong ones: the logarithm of zero
            for drawn in range(cutoff):
                left = np.maximum(self.num_candidates - drawn, self.num_right)
                misses += np.log1p(-self.num_right / left)
        return -np.expm1(misses)

    def _row(self, value: float, low: float, high: float, chance: float) -> dict[str, float]:
        sizes = {"n": len(self.ranks), "num_candidates": float(np.median(self.num_candidates))}
        return {"value": value, "low": low, "high": high, "chance": chance} | sizes


def joined(parts: list[Ranked]) -> Ranked:
    """Several candidate sets (one a language) as one result over all their queries."""
    return Ranked(
        ranks=np.concatenate([part.ranks for part in parts]),
        num_candidates=np.concatenate([part.num_candidates for part in parts]),
        num_right=np.concatenate([part.num_right for part in parts]),
        clusters=np.concatenate([part.clusters for part in parts]),
    )
