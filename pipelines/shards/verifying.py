"""Are the shards what their stats, sidecars and plan say? Says of everything that is wrong how to mend it."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines import storage
from pipelines.errors import ShardError
from pipelines.layout import Layout
from pipelines.parallel import map_shards
from pipelines.samples import Snapshot
from pipelines.shards.checking import Checked, CheckTask, check_shard
from pipelines.shards.planning import Plan, read_plan
from pipelines.shards.snapshots import missing_shards

_MEND = "Run verify --repair, then pack again."
_SHARD_SUFFIXES = (".tar", ".parquet", "_stats.json")


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifyReport:
    """What a snapshot holds, and everything that is wrong with it."""

    snapshot: Snapshot
    num_samples: int
    problems: tuple[str, ...]
    """One line each: which file, what is wrong, what to do. Empty where all is well."""
    removable: tuple[str, ...]
    """Files that `repair` may remove: of shards that do not verify, or that no plan knows."""
    num_missing: int
    """Planned shards that are not there."""
    identities: "Identities"
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Identities:
    """Of all samples: uid (two halves) and what it stands for (two halves), sorted by uid."""

    uids: NDArray[np.uint64]
    """(n, 2)."""
    contents: NDArray[np.uint64]
    """(n, 2)."""


def verify(layout: Layout, snapshot: Snapshot, *, num_workers: int = 1) -> VerifyReport:
    """Digests, offsets, counts, the plan's rows, and uids that are unique; `ShardError` where nothing was packed."""
    start = time.monotonic()
    plan = read_plan(layout, snapshot)
    if plan is None:
        raise ShardError(f"{snapshot}: not packed under {layout.root}. Run: python -m pipelines pack.")
    missing = missing_shards(layout, snapshot, plan)
    lacking = frozenset(missing)
    tasks = (
        CheckTask(
            layout=layout,
            snapshot=snapshot,
            shard=shard,
            planned=plan.shards[shard] if shard < len(plan.shards) else None,
        )
        for shard in range(plan.num_shards)
        if shard not in lacking
    )
    checked = map_shards(
        check_shard, tasks, total=plan.num_shards - len(missing), num_workers=num_workers, what=f"verify {snapshot}"
    )
    unplanned = _unplanned(layout, snapshot, plan)
    identities = _identities(checked)
    problems = [f"{layout.stats(snapshot, shard)}: missing. Pack {snapshot} again." for shard in missing]
    problems += [f"{problem} {_MEND}" for one in checked for problem in one.problems]
    problems += [*_repeated_uids(identities, snapshot), *_repeated_rows(checked, snapshot)]
    problems += [f"{uri}: not in the plan of {plan.num_shards} shards. {_MEND}" for uri in unplanned]
    return VerifyReport(
        snapshot=snapshot,
        num_samples=len(identities.uids),
        problems=tuple(problems),
        removable=(*dict.fromkeys(uri for one in checked for uri in one.broken), *unplanned),
        num_missing=len(missing),
        identities=identities,
        seconds=time.monotonic() - start,
    )


def contradictions(reports: Sequence[VerifyReport]) -> list[str]:
    """A uid that stands for different media in two snapshots of one corpus: the first of each pair of snapshots."""
    pairs = combinations(reports, 2)
    return [
        f"{one.snapshot}, {other.snapshot}: uid {uid} stands for different media in the two. One of them was not "
        "written by pack: remove that snapshot and pack again."
        for one, other in pairs
        if one.snapshot.corpus == other.snapshot.corpus and (uid := _contradiction(one, other))
    ]


def repair(layout: Layout, report: VerifyReport) -> tuple[str, ...]:
    """Remove what does not verify, stats first, and nothing else; what was removed. `pack` then builds it again."""
    order = sorted(report.removable, key=lambda uri: (not uri.endswith(_SHARD_SUFFIXES[-1]), uri))
    with storage.exclusive(layout.shards(report.snapshot), what=f"verify --repair {report.snapshot}"):
        for uri in order:
            storage.remove(uri)
    return tuple(order)


def _unplanned(layout: Layout, snapshot: Snapshot, plan: Plan) -> list[str]:
    folder = layout.shards(snapshot)
    return [
        f"{folder}/{name}"
        for name in storage.names(folder)
        for suffix in _SHARD_SUFFIXES
        if name.endswith(suffix)
        and (number := name.removesuffix(suffix)).isdecimal()
        and int(number) >= plan.num_shards
    ]


def _identities(checked: Sequence[Checked]) -> Identities:
    uids = np.frombuffer(b"".join(one.uids for one in checked), ">u8").reshape(-1, 2)
    contents = np.frombuffer(b"".join(one.contents for one in checked), ">u8").reshape(-1, 2)
    order = np.lexsort((uids[:, 1], uids[:, 0]))
    return Identities(uids=uids[order].astype(np.uint64), contents=contents[order].astype(np.uint64))


def _repeated_uids(identities: Identities, snapshot: Snapshot) -> Iterator[str]:
    same = (identities.uids[1:] == identities.uids[:-1]).all(axis=1)
    if same.any():
        more = f" ({int(same.sum())} such uids)" if same.sum() > 1 else ""
        yield (
            f"{snapshot}: uid {_uid(identities.uids[int(np.argmax(same))])} stands more than once{more}. "
            "Its source lists one record twice, or a shard was copied by hand: mend it, then pack again."
        )


def _repeated_rows(checked: Sequence[Checked], snapshot: Snapshot) -> Iterator[str]:
    """A record that was tried again must have failed before."""
    rows = np.sort(np.concatenate([one.source_rows for one in checked])) if checked else np.zeros(0, np.int64)
    again = rows[1:][rows[1:] == rows[:-1]]
    if len(again):
        where = [one.shard for one in checked if again[0] in one.source_rows]
        yield (
            f"{snapshot}: row {again[0]} of its source is a sample in {len(where)} shards "
            f"({', '.join(f'{shard:08d}' for shard in where)}). Remove the stats of the last of them and pack again."
        )


def _contradiction(one: VerifyReport, other: VerifyReport) -> str:
    """The first uid of both with different contents."""
    keys: list[Any] = [np.ascontiguousarray(report.identities.uids).view("u8,u8").ravel() for report in (one, other)]
    _, first, second = np.intersect1d(keys[0], keys[1], return_indices=True)
    differ = (one.identities.contents[first] != other.identities.contents[second]).any(axis=1)
    return _uid(one.identities.uids[first[int(np.argmax(differ))]]) if differ.any() else ""


def _uid(halves: NDArray[np.uint64]) -> str:
    return f"{int(halves[0]):016x}{int(halves[1]):016x}"
