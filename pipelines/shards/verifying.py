"""Are the shards what their stats and sidecars say? Reads every byte once and names what to remove."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipelines import storage
from pipelines.errors import ShardError
from pipelines.layout import Layout
from pipelines.parallel import map_shards
from pipelines.samples import Snapshot
from pipelines.shards.planning import Plan, read_plan
from pipelines.shards.reading import read_members
from pipelines.shards.sidecar import MEMBERS, SIDECAR, SUCCESS
from pipelines.shards.snapshots import missing_shards, read_stats
from pipelines.shards.tar import BLOCK_BYTES, header


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifyReport:
    """What a snapshot holds, and everything that is wrong with it."""

    snapshot: Snapshot
    num_samples: int
    problems: tuple[str, ...]
    """One line each: which file, what is wrong, what to do. Empty where all is well."""
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class _Checked:
    uids: tuple[str, ...]
    source_rows: tuple[int, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Task:
    layout: Layout
    snapshot: Snapshot
    shard: int

    def __str__(self) -> str:
        return f"shard {self.shard:08d} of {self.snapshot}"


def verify(layout: Layout, snapshot: Snapshot, *, num_workers: int = 1) -> VerifyReport:
    """Digests, offsets, counts, and uids that are unique over the snapshot; `ShardError` where nothing was packed."""
    start = time.monotonic()
    plan = read_plan(layout, snapshot)
    if plan is None:
        raise ShardError(f"{snapshot}: not packed under {layout.root}. Run: python -m pipelines pack.")
    missing = missing_shards(layout, snapshot, plan)
    tasks = [
        _Task(layout=layout, snapshot=snapshot, shard=shard) for shard in range(plan.num_shards) if shard not in missing
    ]
    checked = map_shards(_check_shard, tasks, num_workers=num_workers, what=f"verify {snapshot}")
    problems = [f"{layout.stats(snapshot, shard)}: missing. Pack {snapshot} again." for shard in missing]
    problems += [problem for one in checked for problem in one.problems]
    problems += [*_repeated(checked, snapshot), *_unplanned(layout, snapshot, plan)]
    if not missing:
        problems += _uncovered(checked, plan, layout.plan(snapshot))
    return VerifyReport(
        snapshot=snapshot,
        num_samples=sum(len(one.uids) for one in checked),
        problems=tuple(problems),
        seconds=time.monotonic() - start,
    )


def _check_shard(task: _Task) -> _Checked:
    """One shard; whatever cannot be read is a problem too, not the end of the check."""
    stats_uri = task.layout.stats(task.snapshot, task.shard)
    try:
        table = storage.read_table(task.layout.sidecar(task.snapshot, task.shard))
        if not table.schema.equals(SIDECAR):
            raise ShardError(f"{task.layout.sidecar(task.snapshot, task.shard)}: has other columns than a sidecar.")
        problems = list(_problems(task, table))
    except (OSError, ValueError, pa.ArrowException) as error:
        return _Checked(uids=(), source_rows=(), problems=(f"{task}: {error}. Remove {stats_uri} and pack again.",))
    rows = table.filter(pc.field("status") == SUCCESS)
    return _Checked(
        uids=tuple(str(uid) for uid in rows["uid"].to_pylist()),
        source_rows=tuple(table["source_row"].to_numpy().tolist()),
        problems=tuple(f"{problem} Remove {stats_uri} and pack again." for problem in problems),
    )


def _problems(task: _Task, table: pa.Table) -> Iterator[str]:
    stats = read_stats(task.layout, task.snapshot, task.shard)
    tar, sidecar = task.layout.tar(task.snapshot, task.shard), task.layout.sidecar(task.snapshot, task.shard)
    for uri, expected in ((tar, stats["tar_sha256"]), (sidecar, stats.get("sidecar_sha256"))):
        found = storage.file_sha256(uri)
        if found != expected:
            yield f"{uri}: its sha256 is {found[:12]}..., its stats say {str(expected)[:12]}..."
    num_samples = len(table.filter(pc.field("status") == SUCCESS))
    if (len(table), num_samples) != (stats["count"], stats["successes"]):
        yield (
            f"{sidecar}: {num_samples} samples in {len(table)} rows, its stats say {stats['successes']} in "
            f"{stats['count']}."
        )
    yield from _misplaced(tar, table)


def _misplaced(tar: str, table: pa.Table) -> Iterator[str]:
    """Members whose header is not where the sidecar says it is; the first of a shard is enough."""
    expected = [
        (row[f"{member}_offset"] - BLOCK_BYTES, header(f"{row['uid']}.{extension}", row[f"{member}_size"]))
        for row in table.to_pylist()
        for member in MEMBERS
        if row[f"{member}_offset"] is not None
        for extension in [_extension(row, member)]
    ]
    found = read_members(tar, [(offset, BLOCK_BYTES) for offset, _ in expected])
    for (offset, block), data in zip(expected, found, strict=True):
        if data != block:
            name = block[:100].rstrip(b"\0").decode()
            yield f"{tar}: {name} is not at {offset}, where its sidecar says."
            return


def _extension(row: dict[str, object], member: str) -> str:
    return str(row.get(f"{member}_extension") or {"text": "txt", "json": "json"}[member])


def _repeated(checked: list[_Checked], snapshot: Snapshot) -> Iterator[str]:
    seen: set[str] = set()
    for uid in (uid for one in checked for uid in one.uids):
        if uid in seen:
            yield f"{snapshot}: uid {uid} stands more than once. Its source lists one record twice: mend it."
        seen.add(uid)


def _unplanned(layout: Layout, snapshot: Snapshot, plan: Plan) -> Iterator[str]:
    planned = {f"{shard:08d}.tar" for shard in range(plan.num_shards)}
    for name in storage.names(layout.shards(snapshot), ".tar"):
        if name not in planned:
            yield f"{layout.shards(snapshot)}/{name}: not in the plan of {plan.num_shards} shards. Remove it."


def _uncovered(checked: list[_Checked], plan: Plan, uri: str) -> Iterator[str]:
    checked = checked[: len(plan.shards)]  # later ones hold records of these that were tried again
    num_rows = sum(len(one.source_rows) for one in checked)
    num_distinct = len({row for one in checked for row in one.source_rows})
    if not num_rows == num_distinct == plan.num_references:
        yield f"{uri}: plans {plan.num_references} records, the sidecars hold {num_distinct} in {num_rows} rows."
