"""Which sample goes into which new shard, and in which order: a pure function of the selection and of what was asked.

Samples that a reader has to take apart from others (another set of parts, a further copy) are a snapshot of their own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipelines.curation.splits import Split
from pipelines.errors import CorpusError, ShardError
from pipelines.exporting.members import names_of
from pipelines.exporting.surveying import Found
from pipelines.samples import Modality, Snapshot
from pipelines.shards.planning import Limits

SHUFFLED_SHARDS = 256
"""Samples are shuffled among so many shards, taken in random order: a new one then reads from no more than these."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrangement:
    """How new shards are made of a selection."""

    limits: Limits = field(default_factory=Limits)
    parts: tuple[str, ...] = ()
    """Only samples that have all of these."""
    only: tuple[str, ...] = ()
    """Only members of these modalities, beside json; empty: all."""
    is_homogeneous: bool = False
    """A snapshot for each set of parts."""
    by_split: bool = False
    """A snapshot for each split."""
    is_weighted: bool = False
    """Each sample as often as its weight says: 2.3 is twice and, for 3 in 10 uids, once more."""
    seed: int | None = None
    """Shuffles; nothing keeps the order of the tars."""

    def __post_init__(self) -> None:
        if self.seed is not None and self.seed < 0:
            raise CorpusError(f"--shuffle {self.seed}: expected a seed of 0 or more.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """One new snapshot."""

    snapshot: Snapshot
    split: str
    """The only one; empty where they are not taken apart."""
    order: NDArray[np.int64]
    """Positions in what was found."""
    bounds: tuple[tuple[int, int], ...]
    """First and last but one position in `order` of each shard."""


def arrange(found: Found, arrangement: Arrangement, target: Snapshot) -> list[Group]:
    """`ShardError` where no sample is left."""
    order = _order(found, arrangement.seed)
    wanted = sum(1 << bit for bit, part in enumerate(Modality) if part in arrangement.parts)
    order = order[(found.parts[order] & wanted == wanted) & (found.parts[order] > 0)]
    copies = num_copies(found.weight, found.draw) if arrangement.is_weighted else np.ones(len(found), np.int64)
    groups = []
    for copy in range(int(copies[order].max(initial=0))):
        again = order[copies[order] > copy]
        for split, parts, members in _alike(found, again, arrangement):
            snapshot = Snapshot(
                corpus="-".join(filter(None, (target.corpus, split, *parts))),
                snapshot=f"{target.snapshot}-copy{copy}" if copy else target.snapshot,
            )
            bounds = tuple(_cut(found.num_bytes[members], arrangement.limits))
            groups.append(Group(snapshot=snapshot, split=split, order=members, bounds=bounds))
    if not groups:
        asked = "+".join(arrangement.parts) or "a weight above 0"
        raise ShardError(
            f"{target}: none of {len(found)} samples has {asked}, so there is nothing to hand over. Ask for less."
        )
    return groups


def num_copies(weight: NDArray[np.float32], draw: NDArray[np.uint64]) -> NDArray[np.int64]:
    """How often a sample is taken; on average over all uids as often as its weight says."""
    whole = np.floor(weight)
    chance = draw.astype(np.float64) / 2.0**64
    return (whole + (chance < weight - whole)).astype(np.int64)


def _order(found: Found, seed: int | None) -> NDArray[np.int64]:
    if seed is None:
        return np.arange(len(found))
    sources = np.unique(found.source)
    rank = np.random.default_rng(seed).permutation(len(sources)) // SHUFFLED_SHARDS
    return np.lexsort((_mixed(found.draw, seed), rank[np.searchsorted(sources, found.source)]))


def _mixed(draw: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """Another even distribution for every seed: the finalizer of SplitMix64 (Steele, Lea, Flood 2014)."""
    mixed = draw + np.uint64(seed * 0x9E3779B97F4A7C15 % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))


def _alike(
    found: Found, order: NDArray[np.int64], arrangement: Arrangement
) -> Iterator[tuple[str, tuple[str, ...], NDArray[np.int64]]]:
    """(their split, their parts, samples); the first two empty where samples are not taken apart by them."""
    none = np.zeros(len(order), np.uint8)
    split = found.split[order] if arrangement.by_split else none
    parts = found.parts[order] if arrangement.is_homogeneous else none
    for code, kind in np.unique(np.stack([split, parts], axis=1), axis=0).tolist():
        name = str(list(Split)[code]) if arrangement.by_split else ""
        yield name, names_of(kind), order[(split == code) & (parts == kind)]


def _cut(num_bytes: NDArray[np.int64], limits: Limits) -> Iterator[tuple[int, int]]:
    """Greedy, as packing cuts: a sample larger than a shard has one of its own."""
    total = np.cumsum(num_bytes)
    start = 0
    while start < len(total):
        before = total[start - 1] if start else 0
        fits = int(np.searchsorted(total, before + limits.target_bytes, side="right"))
        end = max(min(start + limits.samples_per_shard, fits), start + 1)
        yield start, end
        start = end
