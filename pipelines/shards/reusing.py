"""Shards that an earlier snapshot of the corpus holds already: linked instead of built again."""

from collections.abc import Iterator

from pipelines import storage
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.planning import Plan, read_plan
from pipelines.shards.snapshots import missing_shards, snapshots_of


def reuse_shards(layout: Layout, snapshot: Snapshot, plan: Plan) -> int:
    """Link planned shards whose references and settings are those of a finished shard elsewhere; how many."""
    wanted = {plan.shards[shard].references_sha256: shard for shard in missing_shards(layout, snapshot, plan)}
    num_reused = 0
    for other, shard, references in _finished(layout, snapshot, plan):
        here = wanted.pop(references, None) if wanted else None
        if here is not None:
            _link(layout, other, shard, snapshot, here)
            num_reused += 1
    return num_reused


def _finished(layout: Layout, snapshot: Snapshot, wanted: Plan) -> Iterator[tuple[Snapshot, int, str]]:
    for other in snapshots_of(layout, snapshot.corpus):
        plan = read_plan(layout, other) if other != snapshot else None
        if plan is None or (plan.settings, plan.profile) != (wanted.settings, wanted.profile):
            continue
        missing = set(missing_shards(layout, other, plan))
        for shard, planned in enumerate(plan.shards):
            if shard not in missing:
                yield other, shard, planned.references_sha256


def _link(layout: Layout, other: Snapshot, theirs: int, snapshot: Snapshot, ours: int) -> None:
    """Stats last, as when a shard is built."""
    for name in (layout.tar, layout.downloads, layout.sidecar, layout.stats):
        if storage.exists(name(other, theirs)):
            storage.same_file(name(other, theirs), name(snapshot, ours))
