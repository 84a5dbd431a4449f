"""Few labels: so many samples of each class, the same for the same seed, spread over as many concepts as there are."""

import numpy as np
from numpy.typing import NDArray

from mmmodels.planning import Pool
from mmmodels.planning.hashing import hashed


def few(pool: Pool, labels: NDArray[np.object_], *, per_class: int, seed: int) -> Pool:
    """The entries of a pool that are kept; `labels` (rows,) are of the table. Groups in hashed order, each one once
    before any of them twice."""
    rows = pool.entries[:, 0]
    order = np.argsort(hashed(seed, pool.groups), kind="stable")
    turn = np.zeros(len(rows), dtype=np.int64)
    seen: dict[int, int] = {}
    for place in order.tolist():
        group = int(pool.groups[place])
        turn[place] = seen.get(group, 0)
        seen[group] = int(turn[place]) + 1
    kept: list[int] = []
    for label in sorted({str(label) for label in labels[rows]}):
        mine = order[np.array([str(labels[rows[place]]) == label for place in order], dtype=bool)]
        kept += mine[np.argsort(turn[mine], kind="stable")][:per_class].tolist()
    chosen, weights = np.array(sorted(kept), dtype=np.int64), pool.weights
    return Pool(
        entries=pool.entries[chosen],
        groups=pool.groups[chosen],
        shards=pool.shards[chosen] if pool.shards is not None else None,
        weights=weights[chosen] if weights is not None else None,
    )
