"""Is a uid one sample's alone: within its snapshot, and against other contents in the corpus's other snapshots?"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines import storage
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.sidecar import SUCCESS
from pipelines.shards.snapshots import num_shards, read_stats, snapshots_of

UIDS_AT_ONCE = 16_000_000
"""Held in memory, 16 bytes each; a larger snapshot is read several times, a share of its uids at a time."""
_MAX_CLASHES = 20
_Numbers = NDArray[np.uint64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Clash:
    """One uid that stands for two things."""

    uid: str
    where: str

    def __str__(self) -> str:
        return f"uid {self.uid} stands {self.where}"


def find_clashes(layout: Layout, snapshot: Snapshot, *, uids_at_once: int = UIDS_AT_ONCE) -> list[Clash]:
    """The first few; empty where every uid is one sample's alone. `ShardError` where the snapshot is incomplete."""
    num_samples = sum(
        int(str(read_stats(layout, snapshot, shard)["successes"])) for shard in range(num_shards(layout, snapshot))
    )
    num_parts = max(1, -(-num_samples // uids_at_once))
    found: list[Clash] = []
    for part in range(num_parts):
        found += _clashes(layout, snapshot, part, num_parts)
        if len(found) >= _MAX_CLASHES:
            break
    return found[:_MAX_CLASHES]


def _clashes(layout: Layout, snapshot: Snapshot, part: int, num_parts: int) -> Iterator[Clash]:
    mine = [_numbers(uids, part, num_parts) for _, uids in _uids(layout, snapshot)]
    numbers = np.concatenate([pair[0] for pair in mine] or [np.empty(0, np.uint64)])
    contents = np.concatenate([pair[1] for pair in mine] or [np.empty(0, np.uint64)])
    order = np.argsort(numbers, kind="stable")
    numbers, contents = numbers[order], contents[order]
    suspects = np.unique(numbers[1:][numbers[1:] == numbers[:-1]])
    if len(suspects):
        yield from _confirmed(layout, snapshot, suspects)
    for other in snapshots_of(layout, snapshot.corpus):
        if other != snapshot and len(numbers):
            yield from _clashes_with(layout, snapshot, other, (numbers, contents), (part, num_parts))


def _confirmed(layout: Layout, snapshot: Snapshot, suspects: _Numbers) -> Iterator[Clash]:
    """Half a uid may be shared by chance, a whole one may not."""
    seen: dict[str, int] = {}
    for shard, table in _uids(layout, snapshot):
        numbers, _ = _numbers(table, 0, 1)
        for uid in map(str, table["uid"].filter(pa.array(np.isin(numbers, suspects))).to_pylist()):
            if uid in seen:
                yield Clash(uid=uid, where=f"in shards {seen[uid]:08d} and {shard:08d} of {snapshot}")
            seen[uid] = shard


def _clashes_with(
    layout: Layout, snapshot: Snapshot, other: Snapshot, mine: tuple[_Numbers, _Numbers], part: tuple[int, int]
) -> Iterator[Clash]:
    """Shards that both snapshots have are the same file and not read again."""
    numbers, contents = mine
    ours = {read_stats(layout, snapshot, shard).get("sidecar_sha256") for shard in range(num_shards(layout, snapshot))}
    for shard, table in _uids(layout, other, except_for=ours):
        theirs, their_contents = _numbers(table, *part)
        place = np.minimum(np.searchsorted(numbers, theirs), len(numbers) - 1)
        differs = (numbers[place] == theirs) & (contents[place] != their_contents)
        for number in theirs[differs]:
            yield Clash(
                uid=f"{int(number):016x}...",
                where=f"for one content in {snapshot} and for another in shard {shard:08d} of {other}",
            )


def _uids(
    layout: Layout, snapshot: Snapshot, *, except_for: set[object] | None = None
) -> Iterator[tuple[int, pa.Table]]:
    """(shard, uid and content_id of its samples); what is not finished in another snapshot is not there yet."""
    shards = sorted(int(name[:8]) for name in storage.names(layout.shards(snapshot), "_stats.json"))
    for shard in shards:
        if except_for and read_stats(layout, snapshot, shard).get("sidecar_sha256") in except_for:
            continue
        table = storage.read_table(layout.sidecar(snapshot, shard), ["uid", "content_id", "status"])
        yield shard, table.filter(pc.field("status") == SUCCESS)


def _numbers(table: pa.Table, part: int, num_parts: int) -> tuple[_Numbers, _Numbers]:
    """The first half of each uid and content_id as numbers, of the uids in one part of all."""
    uids, contents = (_first_half(table[name]) for name in ("uid", "content_id"))
    chosen = uids % np.uint64(num_parts) == part
    return uids[chosen], contents[chosen]


def _first_half(column: "pa.ChunkedArray[pa.StringScalar]") -> _Numbers:
    text = pc.utf8_slice_codeunits(column, 0, 16).to_pylist()
    return np.fromiter((int(str(one), 16) for one in text), dtype=np.uint64, count=len(text))
