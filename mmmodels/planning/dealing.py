"""The order within a window: random, and no two of a group in one batch where there are batches enough."""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from mmmodels.planning.hashing import derived, hashed, shuffled

_TRIES = 32


def dealt(groups: NDArray[np.int64], key: int, *, batch_size: int, lead: int) -> NDArray[np.int64]:
    """A permutation of the entries with these groups; `lead` entries of the first batch come from the window before.

    Entries are sorted by group, groups in random order, and dealt one to a batch, round after round: a group that has
    no more entries than there are batches meets itself in none. All singles: just a permutation.
    """
    size = len(groups)
    distinct, groups, counts = np.unique(groups, return_inverse=True, return_counts=True)
    if len(distinct) == size:
        return shuffled(key, size)
    by_group = np.lexsort((hashed(key, np.arange(size)), groups, hashed(derived(key, 1), groups)))
    batches, places = np.divmod(np.arange(size) + lead, batch_size)
    rounds = np.where(batches == 0, places - lead, places)
    slots = np.lexsort((hashed(derived(key, 2), np.arange(size)), rounds))
    order = np.empty(size, dtype=np.int64)
    order[slots] = by_group
    repeated = _repeated(groups[order], batches)
    fitting = repeated[counts[groups[order[repeated]]] <= batches[-1] + 1]
    _part(fitting, order, groups, batches, derived(key, 3))
    return order


def _part(
    repeated: NDArray[np.int64],
    order: NDArray[np.int64],
    groups: NDArray[np.int64],
    batches: NDArray[np.int64],
    key: int,
) -> None:
    """A group cut by the end of a round may meet itself: exchange such an entry with one of another batch."""
    counts: dict[int, Counter[int]] = {}

    def counts_of(batch: int) -> Counter[int]:
        if batch not in counts:
            low, high = np.searchsorted(batches, (batch, batch + 1))
            counts[batch] = Counter(groups[order[low:high]].tolist())
        return counts[batch]

    draws = hashed(key, repeated[:, None] * _TRIES + np.arange(_TRIES)) % np.uint64(len(order))
    for place, partners in zip(repeated.tolist(), draws.tolist(), strict=True):
        group, here = int(groups[order[place]]), int(batches[place])
        for other in partners:
            partner, there = int(groups[order[other]]), int(batches[other])
            if there == here or counts_of(there)[group] or counts_of(here)[partner]:
                continue
            order[place], order[other] = order[other], order[place]
            for batch, gone, come in ((here, group, partner), (there, partner, group)):
                counts[batch][gone] -= 1
                counts[batch][come] += 1
            break


def _repeated(groups: NDArray[np.int64], batches: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places whose group stands in the same batch before them."""
    by = np.lexsort((groups, batches))
    same = (groups[by][1:] == groups[by][:-1]) & (batches[by][1:] == batches[by][:-1])
    return np.sort(by[1:][same])
