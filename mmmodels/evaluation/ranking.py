"""Where the best right candidate of each query stands among all candidates; a matrix of scores is never whole.

The rule for several right answers is that of CLIP_benchmark and of the papers since CLIP: a query is answered at k if
any of its right candidates is among the first k. So the rank of a query counts the wrong candidates before its best
right one.
"""

import numpy as np
from numpy.typing import NDArray

# Shapes: Q queries, C candidates, D embedding, P pairs of a query and a right candidate, q and c a block of each.
TIE = 1e-6
"""Scores this near count as equal: matrix products of different shape round differently in the seventh digit."""
QUERIES_AT_ONCE, CANDIDATES_AT_ONCE = 1024, 16_384
"""64 MB of scores."""


def ranks_of(
    queries_QD: NDArray[np.float32], candidates_CD: NDArray[np.float32], pairs_P2: NDArray[np.int64]
) -> NDArray[np.int64]:
    """(Q,): how many wrong candidates score as high as the best right one or higher; 0 = it stands first.

    Of unit vectors; a tie counts against the query. Every query has a pair, pairs are distinct and in any order.
    """
    pairs_P2 = pairs_P2[np.argsort(pairs_P2[:, 0], kind="stable")]
    starts_Q = np.searchsorted(pairs_P2[:, 0], np.arange(len(queries_QD)))
    assert len(np.unique(pairs_P2[:, 0])) == len(queries_QD), "every query has a right candidate"
    ranks_Q = np.zeros(len(queries_QD), dtype=np.int64)
    for first in range(0, len(queries_QD), QUERIES_AT_ONCE):
        last = min(first + QUERIES_AT_ONCE, len(queries_QD))
        end = starts_Q[last] if last < len(queries_QD) else len(pairs_P2)
        pairs = pairs_P2[starts_Q[first] : end]
        ranks_Q[first:last] = _block(queries_QD[first:last], candidates_CD, pairs - np.array([first, 0]))
    return ranks_Q


def _block(
    queries_qD: NDArray[np.float32], candidates_CD: NDArray[np.float32], pairs: NDArray[np.int64]
) -> NDArray[np.int64]:
    """(q,): ranks of some queries; their pairs are sorted by query, which count from the first of these."""
    bars_q1 = (_best_right(queries_qD, candidates_CD, pairs) - np.float32(TIE))[:, None]
    pairs = pairs[np.argsort(pairs[:, 1], kind="stable")]
    ranks_q = np.zeros(len(queries_qD), dtype=np.int64)
    buffer = np.empty(len(queries_qD) * min(CANDIDATES_AT_ONCE, len(candidates_CD)), dtype=np.float32)
    for first in range(0, len(candidates_CD), CANDIDATES_AT_ONCE):
        part_cD = candidates_CD[first : first + CANDIDATES_AT_ONCE]
        scores_qc = buffer[: len(queries_qD) * len(part_cD)].reshape(len(queries_qD), -1)
        np.matmul(queries_qD, part_cD.T, out=scores_qc)
        low, high = np.searchsorted(pairs[:, 1], (first, first + len(part_cD)))
        scores_qc[pairs[low:high, 0], pairs[low:high, 1] - first] = -np.inf  # the right ones are no rivals
        ranks_q += _counts(scores_qc >= bars_q1)
    return ranks_q


def _best_right(
    queries_qD: NDArray[np.float32], candidates_CD: NDArray[np.float32], pairs: NDArray[np.int64]
) -> NDArray[np.float32]:
    """(q,): the highest score of a right candidate; pairs are sorted by query. Some pairs at a time."""
    step = max(1, QUERIES_AT_ONCE * CANDIDATES_AT_ONCE // max(1, queries_qD.shape[1]))
    parts = [pairs[start : start + step] for start in range(0, len(pairs), step)]
    scores = [np.einsum("pd,pd->p", queries_qD[part[:, 0]], candidates_CD[part[:, 1]]) for part in parts]
    starts = np.searchsorted(pairs[:, 0], np.arange(len(queries_qD)))
    best_q: NDArray[np.float32] = np.maximum.reduceat(np.concatenate(scores), starts)
    return best_q


def _counts(mask_qc: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(q,): how many are true; by bits, which is some times faster than a sum."""
    counts_q: NDArray[np.int64] = np.bitwise_count(np.packbits(mask_qc, axis=1)).sum(axis=1, dtype=np.int64)
    return counts_q
