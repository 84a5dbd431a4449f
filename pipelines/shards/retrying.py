"""Records that failed for a reason that may pass are tried again, into shards of their own.

The earlier shards stay as they are. A retry shard is built aside, then gets the next free number, then the plan counts
it: stopped in between, the rest is tried again by the next run.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pipelines import storage
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.planning import Plan, write_plan
from pipelines.shards.snapshots import Stats, read_stats

_COLUMNS = ["source_row", "status", "transient"]


def num_open(stats: Sequence[Stats]) -> int:
    """Records whose failure may pass and that no later shard settled, by the counts alone."""
    failed = sum(int(str(one.get("num_transient", 0))) for one in stats)
    return failed - sum(_num_superseded(one) for one in stats)


def _num_superseded(stats: Stats) -> int:
    counts = stats.get("superseded", {})
    assert isinstance(counts, Mapping)
    return sum(counts.values())


def open_rows(layout: Layout, snapshot: Snapshot, plan: Plan) -> dict[int, str]:
    """Source row -> status of every record whose failure may pass and that no later shard settled, in order."""
    found: dict[int, str] = {}
    for shard in range(plan.num_shards):
        is_retry = shard >= len(plan.shards)
        if not is_retry and not read_stats(layout, snapshot, shard).get("num_transient"):
            continue
        for row in storage.read_table(layout.sidecar(snapshot, shard), _COLUMNS).to_pylist():
            found.pop(row["source_row"], None)
            if row["transient"]:
                found[row["source_row"]] = row["status"]
    return dict(sorted(found.items()))


def adopt(
    layout: Layout, snapshot: Snapshot, plan: Plan, built: Iterable[tuple[int, Stats]], opened: dict[int, str]
) -> Iterator[Plan]:
    """Give each finished retry shard the next number; the plan after each. One that settled nothing is dropped."""
    aside = layout.retries(snapshot)
    for position, stats in built:
        if stats["num_transient"] == stats["count"]:
            continue
        rows = storage.read_table(aside.sidecar(snapshot, position), ["source_row"]).to_pylist()
        superseded = Counter(opened[row["source_row"]] for row in rows)
        number = plan.num_shards
        for name, target in (
            (aside.tar, layout.tar),
            (aside.downloads, layout.downloads),
            (aside.sidecar, layout.sidecar),
        ):
            if storage.exists(name(snapshot, position)):
                storage.same_file(name(snapshot, position), target(snapshot, number))
        storage.write_json(layout.stats(snapshot, number), stats | {"superseded": dict(superseded)})
        plan = plan.with_retry_shards(plan.num_retry_shards + 1)
        write_plan(layout, plan)
        yield plan


def forget_unplanned(layout: Layout, snapshot: Snapshot, plan: Plan) -> Plan:
    """Remove what a stopped retry left: shards beyond the plan, and planned retry shards from the first broken one."""
    there = set(storage.names(layout.shards(snapshot), "_stats.json"))
    whole = next(
        (
            number - len(plan.shards)
            for number in range(len(plan.shards), plan.num_shards)
            if f"{number:08d}_stats.json" not in there
        ),
        plan.num_retry_shards,
    )
    if whole != plan.num_retry_shards:
        plan = plan.with_retry_shards(whole)
        write_plan(layout, plan)
    planned = {f"{number:08d}" for number in range(plan.num_shards)}
    for name in storage.names(layout.shards(snapshot)):
        if name[:8].isdecimal() and name[:8] not in planned:
            storage.remove(f"{layout.shards(snapshot)}/{name}")
    storage.remove(layout.retries(snapshot).root)
    return plan
