"""How far the signals of one snapshot are from those of another: the population stability index of each column."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

from pipelines import storage
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.snapshots import snapshots_of
from pipelines.signals.markers import read_marker
from pipelines.signals.sketches import Sketch
from pipelines.signals.summaries import ColumnSummary, Summary

NUM_BINS = 10
THRESHOLD = 0.2
"""Of scoring practice: under 0.1 nothing happened, above 0.2 the two are no longer the same population."""
_BESIDE = 0.5  # a sample in each bin that nobody saw (Jeffreys): an empty bin would make the index infinite
_CHANCE = 0.999


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnDrift:
    """One column of two snapshots."""

    name: str
    stability_index: float
    by_chance: float
    """What two random draws of one population stay under, 999 times in 1,000: a few samples drift by themselves."""
    median_before: float
    median: float | None
    """None where no sample has a value any more."""

    def is_over(self, threshold: float) -> bool:
        """Whether it drifted, by more than chance would."""
        return self.stability_index > max(threshold, self.by_chance)


def find_drift(before: Summary, after: Summary) -> list[ColumnDrift]:
    """Of every numeric column that both have, the farthest first; needs no file."""
    now = {column.name: column for column in after.columns}
    found = [
        _drift(was, now.get(was.name)) for was in before.columns if was.name in now or was.name in after.null_columns
    ]
    return sorted(found, key=lambda drift: (-drift.stability_index, drift.name))


def _drift(was: ColumnSummary, now: ColumnSummary | None) -> ColumnDrift:
    """As far as can be where no value is left."""
    index, by_chance = compare(was.sketch, now.sketch) if now else (stability_index([10**6, 0], [0, 10**6]), 0.0)
    return ColumnDrift(
        name=was.name,
        stability_index=index,
        by_chance=by_chance,
        median_before=was.median,
        median=now.median if now else None,
    )


def compare(before: Sketch, after: Sketch) -> tuple[float, float]:
    """(population stability index, what it stays under by chance) of two distributions with values."""
    edges = bin_edges(before)
    index = stability_index(before.count_between(edges), after.count_between(edges))
    return index, by_chance(len(edges) + 1, before.num_values, after.num_values)


def by_chance(num_bins: int, num_before: int, num_after: int) -> float:
    """What the index of two random draws of one population stays under, 999 times in 1,000.

    Yurdakul 2018: of draws of n and m values, index / (1/n + 1/m) is chi-squared with bins - 1 degrees of freedom.
    """
    if num_bins < 2 or not (num_before and num_after):
        return 0.0
    return float(2 * gammaincinv((num_bins - 1) / 2, _CHANCE)) * (1 / num_before + 1 / num_after)


def bin_edges(before: Sketch) -> list[float]:
    """The deciles that differ: fewer than nine where many values are equal."""
    shares = [number / NUM_BINS for number in range(1, NUM_BINS)]
    return sorted(set(before.quantiles(shares)))


def stability_index(before: Sequence[int] | NDArray[np.int64], after: Sequence[int] | NDArray[np.int64]) -> float:
    """Sum over bins of (share after - share before) ln(share after / share before), half a sample in each beside."""
    counts = (np.asarray(one) + _BESIDE for one in (before, after))
    was, now = (one / one.sum() for one in counts)
    return float(np.sum((now - was) * np.log(now / was)))


def snapshot_before(layout: Layout, snapshot: Snapshot, key: str) -> Snapshot | None:
    """The corpus's snapshot that was packed last before this one and has this family, else the last of all others.

    None where there is no other. A plan is written when a snapshot is begun and when records are tried again.
    """
    ours = _planned_at(layout, snapshot)
    others = [
        (_planned_at(layout, other), str(other), other)
        for other in snapshots_of(layout, snapshot.corpus)
        if other != snapshot and read_marker(layout, key, other).digest
    ]
    earlier = [one for one in others if one[0] <= ours]
    return max(earlier or others)[2] if others else None


def _planned_at(layout: Layout, snapshot: Snapshot) -> float:
    filesystem, path = storage.filesystem_of(layout.plan(snapshot))
    return float(filesystem.modified(path).timestamp())
