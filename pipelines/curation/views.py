"""Views: verdicts over immutable shards, in a folder named by the digest of everything that decided them.

A view is never changed: other inputs are another digest. `view.json` is written last, a folder without it does not
exist for a reader.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines import storage
from pipelines.curation.currents import current_digest
from pipelines.curation.queries import run_sql
from pipelines.curation.records import read_records
from pipelines.curation.withdrawing import withdrawn_among
from pipelines.errors import PolicyError
from pipelines.layout import Layout
from pipelines.samples import Snapshot, digest_of
from pipelines.shards.tombstones import has_tombstones

FACETS = ("corpus", "snapshot", "split", "language", "source", "license", "modalities")
"""What funnels, differences and cards count by: one row of `facets.parquet` for each combination that occurs."""
_IN_FILES = ("uid", "corpus", "snapshot", "shard", "source_row", "kept", "first_fault", "faults", "weight", "split")
SCHEMA_VERSION = 3
"""Of `view.json` and the verdicts."""
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
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

    @property
    def files(self) -> list[str]:
        """Of the verdicts: the columns of `_IN_FILES`, and `facet`, a key of `facets`."""
        folder = f"{self.uri}/verdicts"
        return [f"{folder}/{name}" for name in storage.names(folder, ".parquet")]

    def facets(self) -> pa.Table:
        """What `facet` means: corpus, snapshot, split, language, source, license, modalities."""
        return storage.read_table(f"{self.uri}/facets.parquet")

    def decided(self, columns: list[str] | None = None) -> pa.Table:
        """The verdicts as they were decided, whatever was withdrawn since; nobody is to read samples by them.

        `columns` of the files and of the facets; without them all of both but `facet`.
        """
        of_facets = [name for name in FACETS if name not in _IN_FILES]
        wanted = columns if columns is not None else [*_IN_FILES, *of_facets]
        own = [name for name in wanted if name not in of_facets]
        joins = len(own) < len(wanted)
        read = [*own, "facet"] if joins and "facet" not in own else own
        table = pa.concat_tables([storage.read_table(file, read) for file in self.files])
        if joins:
            facets = self.facets()
            row = pc.index_in(table["facet"], value_set=facets["facet"].combine_chunks())
            for name in wanted:
                if name in of_facets:
                    table = table.append_column(name, facets[name].take(row))
        return table.select(wanted)

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
    """By `view/digest`; a beginning of the digest is enough where only one view has it. By `view`: the current one."""
    view, _, beginning = name.partition("/")
    current = None if beginning else current_digest(layout, check_name(view))
    if current and storage.exists(f"{layout.view(view, current)}/view.json"):
        return open_view(layout, view, current)
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
