"""Which samples the tombstones mean: asked anew by every reader, so that a rule also takes what was packed after it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipelines import storage
from pipelines.curation.queries import run_files, run_sql
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.requests import ledger_files
from pipelines.shards.tombstones import KINDS, read_tombstones
from pipelines.signals.schema import FAMILIES

FINGERPRINTS = FAMILIES["fingerprints"].key
_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("uid", pa.string()),
    ("corpus", pa.string()),
    ("snapshot", pa.string()),
    ("shard", pa.int32()),
    ("tombstone", pa.int64()),  # its place in the ledger, from 0
    ("kind", pa.string()),
    ("value", pa.string()),
    ("reason", pa.string()),
]
WITHDRAWN: pa.Schema = pa.schema(_COLUMNS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Withdrawal:
    """What tombstones take of some snapshots."""

    samples: pa.Table
    """See WITHDRAWN: one row for a sample in a snapshot, with its first tombstone; sorted by corpus, snapshot, shard
    and uid. Erased samples are among them."""
    matched: frozenset[int]
    """Places of the tombstones that take anything."""


def withdrawn(layout: Layout, snapshots: Sequence[Snapshot]) -> pa.Table:
    """The samples that the ledger takes out of these snapshots: see `Withdrawal.samples`."""
    return resolve(layout, snapshots, read_tombstones(layout)).samples


def resolve(layout: Layout, snapshots: Sequence[Snapshot], tombstones: pa.Table) -> Withdrawal:
    """What the given tombstones would take. Reads only the columns that their kinds ask for; nothing for none."""
    ledger = tombstones.append_column("tombstone", pa.array(range(len(tombstones)), pa.int64()))
    kinds = set(ledger["kind"].to_pylist())
    found = [
        _found(layout, snapshot, kind, ledger.filter(pc.field("kind") == kind))
        for kind in KINDS
        if kind in kinds
        for snapshot in snapshots
    ]
    if not found:
        return Withdrawal(samples=WITHDRAWN.empty_table(), matched=frozenset())
    pairs = pa.concat_tables(found)
    samples = run_sql("withdrawn", found=pairs, tombstones=ledger).cast(WITHDRAWN)
    return Withdrawal(
        samples=samples, matched=frozenset(int(str(place)) for place in pc.unique(pairs["tombstone"]).to_pylist())
    )


def withdrawn_among(layout: Layout, snapshots: Sequence[Snapshot], uids: pa.Table) -> pa.Table:
    """Those of the samples (column `uid`) that are withdrawn, sorted: column `uid`.

    Where every tombstone names a sample, as most do, no sidecar is read.
    """
    ledger = read_tombstones(layout)
    if not len(ledger):
        return uids.select(["uid"]).slice(0, 0)
    by_name = pc.all(pc.equal(ledger["kind"], pa.scalar("uid"))).as_py()
    gone = ledger if by_name else resolve(layout, snapshots, ledger).samples
    return run_sql("withdrawn_among", uids=uids.select(["uid"]), gone=gone.select(["uid"]))


def _found(layout: Layout, snapshot: Snapshot, kind: str, tombstones: pa.Table) -> pa.Table:
    """file, uid, tombstone."""
    asked = [_ask(layout, name, tombstones, **files) for name, files in _questions(layout, snapshot, kind)]
    return pa.concat_tables([_NONE.empty_table(), *asked])


_PAIRS: list[tuple[str, pa.DataType]] = [("file", pa.string()), ("uid", pa.string()), ("tombstone", pa.int64())]
_NONE: pa.Schema = pa.schema(_PAIRS)


def _questions(layout: Layout, snapshot: Snapshot, kind: str) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """(statement, its files), those without files left out."""
    sidecars = [
        layout.sidecar(snapshot, int(name.removesuffix("_stats.json")))
        for name in storage.names(layout.shards(snapshot), "_stats.json")
    ]
    if kind == "phash":
        folder = layout.signals(FINGERPRINTS, snapshot)
        if files := [f"{folder}/{name}" for name in storage.names(folder, ".parquet")]:
            yield "withdrawn_phash", {"files": files}
    elif sidecars:
        yield f"withdrawn_{kind}", {"files": sidecars}
        ledgers = [layout.downloads(snapshot, shard) for shard in ledger_files(layout, snapshot)]
        if kind == "host" and ledgers:
            yield "withdrawn_download", {"files": sidecars, "ledgers": ledgers}


def _ask(layout: Layout, name: str, tombstones: pa.Table, **files: list[str]) -> pa.Table:
    rules = tombstones.select(["tombstone", "value", "distance"])
    return run_files(layout, name, files, tombstones=rules).cast(_NONE)
