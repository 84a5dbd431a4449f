"""Samples of a pool that are there twice; each kind is found once for equal shards, signals and settings."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import storage
from pipelines.curation.duplicates.kinds import find_kind, lists_of, signals_of
from pipelines.curation.duplicates.settings import DuplicateSettings, Kind, finding_digest
from pipelines.curation.duplicates.workspace import FINGERPRINTS, Workspace, open_workspace
from pipelines.curation.pool import signal_digest
from pipelines.errors import SignalError
from pipelines.layout import Layout
from pipelines.progress import track
from pipelines.samples import Snapshot, digest_of
from pipelines.signals.files import Shards, open_shards, read_facts

VERSION = 2
"""Raised when equal inputs would give other duplicates; part of the digest."""
_FIELDS: list["pa.Field[Any]"] = [
    pa.field("uid", pa.string(), nullable=False),
    pa.field("kind", pa.string(), nullable=False),
    pa.field("component", pa.string(), nullable=False),
    pa.field("rank", pa.int32(), nullable=False),
    pa.field("similarity", pa.float32()),
]
SCHEMA = pa.schema(_FIELDS)
"""One row for each kind in which a sample is in a component: the uid of its best, the rank in it (0 is the best;
samples that show one picture share it), and how like the best it is (null where that is no matter of degree)."""

_COUNTS = "duplicates"  # in the metadata of a file: what the report says of its kind


@dataclass(frozen=True, kw_only=True, slots=True)
class KindReport:
    """What was found of one kind."""

    num_components: int
    num_duplicates: int
    """Samples that are not the best of their component."""
    largest: tuple[int, ...]
    """Samples of the largest components."""
    num_cut: int
    """Components that would be larger without the limit on steps."""
    seconds: float
    """What finding them took, then."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DuplicatesReport:
    """Where the duplicates of a pool are, and how many."""

    digest: str
    uri: str
    """Parquet of SCHEMA, by kind, component, rank, uid."""
    kinds: Mapping[str, KindReport]

    @property
    def num_components(self) -> int:
        return sum(kind.num_components for kind in self.kinds.values())

    @property
    def num_duplicates(self) -> int:
        return sum(kind.num_duplicates for kind in self.kinds.values())

    @property
    def num_by_kind(self) -> dict[str, int]:
        """Kind -> duplicates."""
        return {name: kind.num_duplicates for name, kind in self.kinds.items()}


def find_duplicates(
    layout: Layout,
    snapshots: Sequence[Snapshot],
    *,
    settings: DuplicateSettings | None = None,
    allow_not_measured: bool = False,
) -> DuplicatesReport:
    """Over all snapshots at once; `SignalError` where what a kind compares was not measured.

    A kind that is there is not looked for again: a run that was killed goes on with the kinds that it had not finished.
    """
    kinds = (settings or DuplicateSettings()).kinds
    pool = [open_shards(layout, snapshot) for snapshot in snapshots]
    digests = {name: _digest(pool, name, kind, allow_not_measured=allow_not_measured) for name, kind in kinds.items()}
    missing = {name: kind for name, kind in kinds.items() if not storage.exists(layout.duplicates(digests[name]))}
    if missing:
        with open_workspace(layout, snapshots, lists_of(missing.values())) as workspace:
            if not allow_not_measured and any(FINGERPRINTS.key in signals_of(kind) for kind in missing.values()):
                _check_measured(workspace, layout, snapshots)
            for name, kind in track(missing.items(), total=len(missing), what="duplicates: kinds"):
                _find(workspace, name, kind, layout.duplicates(digests[name]))
    digest = digest_of({"kinds": list(digests.values())})
    uri = layout.duplicates(digest)
    parts = [layout.duplicates(one) for one in digests.values()]
    if not storage.exists(uri):
        _join(uri, parts)
    reports = {name: _report(part) for name, part in zip(digests, parts, strict=True)}
    return DuplicatesReport(digest=digest, uri=uri, kinds=reports)


def _digest(pool: Sequence[Shards], name: str, kind: Kind, *, allow_not_measured: bool) -> str:
    """Over all that decides a kind; the order of snapshots does where a uid is in two of them."""
    return digest_of(
        {
            "version": VERSION,
            "allow_not_measured": allow_not_measured,
            "finding": finding_digest(name, kind),
            "shards": [one.digest for one in pool],
            "signals": {key: [signal_digest(one, key) for one in pool] for key in signals_of(kind)},
        }
    )


def _find(workspace: Workspace, name: str, kind: Kind, uri: str) -> None:
    start = time.monotonic()
    num_cut = find_kind(workspace, kind)
    (counts,) = workspace.table("counts").to_pylist()
    counts |= {"num_cut": num_cut, "seconds": time.monotonic() - start}
    schema = SCHEMA.with_metadata({_COUNTS: json.dumps(counts)})
    with storage.replacing(uri) as path, pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in workspace.batches("memberships"):
            kinds = pa.repeat(pa.scalar(name), len(batch))
            writer.write_batch(pa.record_batch({"kind": kinds, **_columns(batch)}).select(SCHEMA.names).cast(schema))


def _columns(batch: pa.RecordBatch) -> dict[str, Any]:
    return dict(zip(batch.schema.names, batch.columns, strict=True))


def _join(uri: str, parts: Sequence[str]) -> None:
    """The kinds in one file, a piece at a time."""
    with storage.replacing(uri) as path, pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        for part in parts:
            filesystem, name = storage.filesystem_of(part)
            with filesystem.open(name) as file:
                for batch in pq.ParquetFile(file).iter_batches():
                    writer.write_batch(batch.replace_schema_metadata(None))


def _report(uri: str) -> KindReport:
    counts = json.loads(read_facts(uri)[_COUNTS])
    return KindReport(**{**counts, "largest": tuple(counts["largest"])})


def _check_measured(workspace: Workspace, layout: Layout, snapshots: Sequence[Snapshot]) -> None:
    for row in workspace.table("unmeasured").to_pylist():
        one = snapshots[row["part"]]
        raise SignalError(
            f"{one}: not measured: {FINGERPRINTS.key} of {row['num_missing']} samples out of {row['num_samples']}, and "
            f"duplicates are found by it. Run: python -m pipelines measure --root {layout.root} --corpus {one.corpus} "
            f"--snapshot {one.snapshot} --signals {FINGERPRINTS.key}"
        )
