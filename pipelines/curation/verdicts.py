"""From faults to verdicts: for every sample kept or not, the first fault, and all of them as bits.

Order of faults, and so which one is called the first:
1. `tombstoned`: withdrawn by its owner, nothing else matters;
2. `not_measured`: a rule could not be asked;
3. `repeated_uid`: the same sample came with an earlier snapshot of the pool;
4. the policy's rules, in column order;
5. `near_held_out`: before duplicates, so that the held-out twin and not the training twin survives;
6. `contaminated`: an evaluation set of another view asks it;
7. `duplicate`, then `near_duplicate`: the best of those that survived everything above is kept, so that a rule that
   drops the best picture of a thing does not drop the thing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.errors import PolicyError

BEFORE = ("tombstoned", "not_measured", "repeated_uid")
AFTER = ("near_held_out", "contaminated", "duplicate", "near_duplicate")
MAX_FAULTS = 64

Mask = NDArray[np.bool_]
NO_COMPONENT = -1


@dataclass(frozen=True, kw_only=True, slots=True)
class Membership:
    """Which component of duplicates each sample is in, and how good it is there."""

    component: NDArray[np.int64]
    """NO_COMPONENT where it is in none."""
    rank: NDArray[np.int64]
    """0 is the best."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdicts:
    """One per sample, in the order of the samples."""

    faults: tuple[str, ...]
    """Names by bit, in the order in which they are judged."""
    bits: NDArray[np.uint64]
    weight: NDArray[np.float32]

    @property
    def kept(self) -> Mask:
        return np.equal(self.bits, 0)

    @property
    def first_fault(self) -> "pa.Array[Any]":
        """The name of the lowest bit; null where the sample is kept."""
        lowest = np.bitwise_count((self.bits & -self.bits) - np.uint64(1)).astype(np.int32)
        return pa.array(self.faults, pa.string()).take(pa.array(lowest, mask=self.kept))


def decide(
    *,
    before: Mapping[str, Mask],
    rules: Mapping[str, Mask],
    near_held_out: Mask,
    contaminated: Mask,
    duplicates: Mapping[str, Membership],
) -> dict[str, Mask]:
    """All faults in the order in which they are judged."""
    taken = set(rules) & {*BEFORE, *AFTER}
    if taken:
        raise PolicyError(f"fault {min(taken)}: the engine decides it itself. Give the rule another name.")
    faults = {**before, **rules, "near_held_out": near_held_out, "contaminated": contaminated}
    if len(faults) + len(duplicates) > MAX_FAULTS:
        raise PolicyError(f"{len(rules)} rules: at most {MAX_FAULTS - len(BEFORE) - len(AFTER)} fit the bit vector.")
    survives = ~np.logical_or.reduce(list(faults.values()))
    for name, membership in duplicates.items():
        faults[name] = _worse_than_survivor(membership, survives)
        survives &= ~faults[name]
    return faults


def verdicts_of(faults: Mapping[str, Mask], weight: NDArray[np.float32]) -> Verdicts:
    """Pack the faults into bits."""
    bits = np.zeros(len(weight), dtype=np.uint64)
    for bit, mask in enumerate(faults.values()):
        bits |= mask.astype(np.uint64) << np.uint64(bit)
    return Verdicts(faults=tuple(faults), bits=bits, weight=weight)


def _worse_than_survivor(membership: Membership, survives: Mask) -> Mask:
    """Whether a better member of the same component survives."""
    inside = membership.component != NO_COMPONENT
    best = np.full(membership.component.max(initial=NO_COMPONENT) + 1, np.iinfo(np.int64).max)
    members = inside & survives
    np.minimum.at(best, membership.component[members], membership.rank[members])
    worse = np.zeros(len(survives), dtype=bool)
    worse[inside] = membership.rank[inside] > best[membership.component[inside]]
    return worse
