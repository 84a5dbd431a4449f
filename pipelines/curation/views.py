"""Views: verdicts over immutable shards, in a folder named by the digest of everything that decided them.

A view is never changed: other inputs are another digest. `view.json` is written last, a folder without it does not
exist for a reader.
"""

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import storage
from pipelines.curation.queries import run_sql
from pipelines.curation.records import read_records
from pipelines.curation.withdrawing import withdrawn_among
from pipelines.errors import PolicyError
from pipelines.layout import Layout
from pipelines.samples import Snapshot, digest_of
from pipelines.shards.tombstones import has_tombstones

SCHEMA_VERSION = 2
"""Of `view.json` and the verdicts."""
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_ROWS_PER_FILE = 1_000_000
_TOMBSTONED: Mapping[str, Any] = {"kept": False, "first_fault": "tombstoned", "faults": 1}
"""Columns of a verdict on a sample that was withdrawn after it was kept; `tombstoned` is always the first fault."""


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """One stored view."""

    layout: Layout
    view: str
    digest: str
    manifest: Mapping[str, Any]

    @property
    def uri(self) -> str:
        return self.layout.view(self.view, self.digest)

    @property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """At most one of a corpus, in the order of the pool."""
        return tuple(Snapshot(**one) for one in self.manifest["snapshots"])

    @property
    def faults(self) -> tuple[str, ...]:
        """Names by bit."""
        return tuple(self.manifest["faults"])

    @property
    def effective_digest(self) -> str:
        """The digest while nothing that was kept is withdrawn; afterwards another one for every other state of that.

        What depends on the samples (run keys, plans, reports) goes by this one, what opens the view by its digest.
        """
        gone = self.withdrawn()["uid"].to_pylist()
        return digest_of([self.digest, gone]) if gone else self.digest

    def withdrawn(self) -> pa.Table:
        """`uid` of the samples that were kept when the view was curated and were withdrawn since, sorted."""
        if not has_tombstones(self.layout):
            return pa.table({"uid": pa.array([], pa.string())})
        decided = self.decided(["uid", "kept"])
        return withdrawn_among(self.layout, self.snapshots, decided.filter(decided["kept"]))

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The kept samples in order of (snapshot, shard, source row), without those withdrawn since."""
        verdicts = self.verdicts(["uid", "corpus", "kept", "split", "weight"])
        table = run_sql("view", verdicts=verdicts, records=read_records(self.layout, self.snapshots))
        return table if columns is None else table.select(list(columns))

    def verdicts(self, columns: list[str] | None = None) -> pa.Table:
        """One row per sample, dropped ones included, in order of (snapshot, shard, source row).

        As of today: what was kept and withdrawn since is dropped as `tombstoned`.
        """
        gone = self.withdrawn()
        if not len(gone):
            return self.decided(columns)
        wanted = self.decided(["uid", *(name for name in columns if name != "uid")] if columns else None)
        taken = pc.is_in(wanted["uid"], value_set=gone["uid"].combine_chunks())
        for name, value in _TOMBSTONED.items():
            if name in wanted.column_names:
                column = pc.if_else(taken, pa.scalar(value, wanted.schema.field(name).type), wanted[name])
                wanted = wanted.set_column(wanted.schema.get_field_index(name), name, column)
        return wanted if columns is None else wanted.select(columns)

    def decided(self, columns: list[str] | None = None) -> pa.Table:
        """The verdicts as they were decided, whatever was withdrawn since; nobody is to read samples by them."""
        folder = f"{self.uri}/verdicts"
        tables = [storage.read_table(f"{folder}/{name}", columns) for name in storage.names(folder, ".parquet")]
        return pa.concat_tables(tables)

    def funnel(self) -> pa.Table:
        """What each fault does: see sql/funnel.sql; section `all` begins with the records that packing refused."""
        return storage.read_table(f"{self.uri}/funnel.parquet")


def open_view(layout: Layout, view: str, digest: str) -> View:
    """`PolicyError` where there is no finished view of that digest."""
    uri = f"{layout.view(check_name(view), digest)}/view.json"
    if not storage.exists(uri):
        known = ", ".join(digest[:12] for digest in stored_digests(layout, view)) or "none"
        raise PolicyError(f"view {view}/{digest}: not there. Stored: {known}. Curate it, or name one of these.")
    manifest = storage.read_json(uri)
    if manifest.get("schema_version") != SCHEMA_VERSION:
        raise PolicyError(
            f"view {view}/{digest[:12]}: written in version {manifest.get('schema_version')} of the format, this reads "
            f"version {SCHEMA_VERSION}. Curate it again; the shards and signals stay as they are."
        )
    return View(layout=layout, view=view, digest=digest, manifest=manifest)


def find_view(layout: Layout, name: str) -> View:
    """By `view/digest`; a beginning of the digest is enough where only one view has it."""
    view, _, beginning = name.partition("/")
    found = [digest for digest in stored_digests(layout, check_name(view)) if digest.startswith(beginning)]
    if len(found) != 1:
        listed = ", ".join(digest[:12] for digest in found or stored_digests(layout, view)) or "none"
        raise PolicyError(
            f"view {name}: {len(found)} stored views are meant by this. Write {view}/DIGEST, of: {listed}."
        )
    return open_view(layout, view, found[0])


def stored_digests(layout: Layout, view: str) -> list[str]:
    """Of the finished views of that name."""
    folder = f"{layout.views()}/{view}"
    return [name for name in storage.names(folder) if storage.exists(f"{folder}/{name}/view.json")]


def check_name(view: str) -> str:
    """A view's name is a folder's name."""
    if not _NAME.fullmatch(view):
        raise PolicyError(f"view {view!r}: not a name. Use 1 to 64 of a-z 0-9 _ - . and start with a letter or digit.")
    return view


def write_verdicts(uri: str, verdicts: pa.Table, *, num_snapshots: int) -> None:
    """Verdicts, and the subset files that DataComp and open_clip read."""
    for number, start in enumerate(range(0, max(len(verdicts), 1), _ROWS_PER_FILE)):
        storage.write_table(f"{uri}/verdicts/{number:08d}.parquet", verdicts.slice(start, _ROWS_PER_FILE))
    write_subset(uri, verdicts, num_snapshots=num_snapshots)


def write_subset(uri: str, verdicts: pa.Table, *, num_snapshots: int) -> None:
    """`uids.npy` and `sizes.json` of what is kept; again where samples of a view were withdrawn."""
    kept = verdicts.filter(verdicts["kept"])
    storage.write_atomic(f"{uri}/uids.npy", uids_npy(row["uid"] for row in kept.select(["uid"]).to_pylist()))
    sizes = run_sql("sizes", kept=kept).to_pylist()
    named = {_tar_name(row, is_alone=num_snapshots == 1): row["num_samples"] for row in sizes}
    storage.write_json(f"{uri}/sizes.json", named)


def _tar_name(row: Mapping[str, Any], *, is_alone: bool) -> str:
    """Relative to the folder of the only snapshot, else to that of all shards."""
    name = f"{row['shard']:08d}.tar"
    return name if is_alone else f"{row['corpus']}/{row['snapshot']}/{name}"


def uids_npy(uids: Iterable[str]) -> bytes:
    """DataComp's subset file: pairs of u8, the halves of the uid, sorted."""
    halves = sorted((int(uid[:16], 16), int(uid[16:], 16)) for uid in uids)
    buffer = io.BytesIO()
    np.save(buffer, np.array(halves, dtype=np.dtype("u8,u8")), allow_pickle=False)
    return buffer.getvalue()
