"""What changed between two views: samples added, removed, moved and reweighted, which rules did it, and what of them.

Two views that judged the same shards list the same samples in the same order, so they are compared row by row; samples
of corpora whose shards differ are looked up by uid. Either way the files are streamed and counted by DuckDB, and what
is looked at afterwards are some thousand combinations of faults and facets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from pipelines import storage
from pipelines.curation.changed_inputs import InputChange, changed_inputs, policy_changes
from pipelines.curation.connections import open_engine, scratch
from pipelines.curation.queries import fill_sql, run_sql
from pipelines.curation.views import View

REPEATED = "repeated_uid"
SECTIONS = ("corpus", "split", "language", "source", "license", "modalities")


@dataclass(frozen=True, kw_only=True, slots=True)
class Totals:
    """Old to new; `samples` are judged, the others kept."""

    num_old_samples: int
    num_new_samples: int
    num_old: int
    num_new: int
    num_kept_by_both: int
    num_moved: int
    """Kept by both, in another split."""
    num_reweighted: int
    """Kept by both, with another weight."""
    num_added: int
    num_removed: int
    old_weight: float
    """Sum over what is kept: the number of samples where no policy weighs."""
    new_weight: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """Two views as they were decided, old to new."""

    old: View
    new: View
    totals: Totals
    num_withdrawn: tuple[int, int]
    """What either keeps and its owner withdrew since: it counts as kept above and is in no table of samples."""
    causes: Sequence[Mapping[str, Any]]
    """See sql/diff_causes.sql."""
    reasons: Sequence[Mapping[str, Any]]
    """See sql/diff_reasons.sql."""
    shifts: Sequence[Mapping[str, Any]]
    """See sql/diff_shifts.sql."""
    inputs: Sequence[InputChange]
    policy: Sequence[str]
    """Lines of a unified diff of the SQL; none where it is the same."""

    def by(self, change: str, what: str) -> dict[str, int]:
        """Samples `added` or `removed` by first `cause` or by a section such as `language`, the most first."""
        if what == "cause":
            rows = [(row["cause"], row["num_first"]) for row in self.causes if row["change"] == change]
        else:
            rows = [(row["value"], row[f"num_{change}"]) for row in self.shifts if row["section"] == what]
        return {name: num for name, num in sorted(rows, key=lambda row: (-row[1], row[0])) if num}


def diff(old: View, new: View) -> Difference:
    """Views of one name or two, of one pool or two."""
    samples = run_sql("diff_samples", pairs=_pairs(old, new), old_facets=old.facets(), new_facets=new.facets())
    faults = pa.Table.from_pylist([*_faults("old", old), *_faults("new", new)], schema=_FAULTS)
    totals = run_sql("diff_totals", samples=samples).to_pylist()[0]
    return Difference(
        old=old,
        new=new,
        totals=Totals(**totals),
        num_withdrawn=(len(old.withdrawn()), len(new.withdrawn())),
        causes=run_sql("diff_causes", samples=samples, faults=faults).to_pylist(),
        reasons=run_sql("diff_reasons", samples=samples, faults=faults).to_pylist(),
        shifts=run_sql("diff_shifts", samples=samples).to_pylist(),
        inputs=changed_inputs(old, new),
        policy=policy_changes(old, new),
    )


_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("side", pa.string()),
    ("position", pa.int32()),
    ("bit", pa.uint64()),
    ("fault", pa.string()),
]
_FAULTS = pa.schema(_COLUMNS)


def _faults(side: str, view: View) -> list[dict[str, object]]:
    return [
        {"side": side, "position": position, "bit": 1 << position, "fault": fault}
        for position, fault in enumerate(view.faults)
    ]


def _pairs(old: View, new: View) -> pa.Table:
    """Counted combinations of what both views say of a sample."""
    matched = matched_corpora(old, new)
    files = {"old": _paths(old), "new": _paths(new)}
    is_same = len(matched) == len(old.snapshots) == len(new.snapshots)
    with scratch(old.layout) as folder, open_engine(folder) as connection:
        _register_store(connection, old)
        if is_same and [one.corpus for one in old.snapshots] == [one.corpus for one in new.snapshots]:
            return _run(connection, "diff_by_position", {**files, "corpus": ""})
        tables = [_run(connection, "diff_by_position", {**files, "corpus": corpus}) for corpus in matched]
        if not is_same:
            bits = {f"{side}_repeated": _bit(view, REPEATED) for side, view in (("old", old), ("new", new))}
            tables.append(_run(connection, "diff_by_uid", {**files, **bits, "matched": matched}))
        return pa.concat_tables(tables)


def matched_corpora(old: View, new: View) -> list[str]:
    """Corpora of which both views judged the same shards, and so the same rows in the same order."""
    shards = [
        dict(zip((one.corpus for one in view.snapshots), view.manifest["inputs"]["shards"], strict=True))
        for view in (old, new)
    ]
    return [corpus for corpus, digest in shards[0].items() if shards[1].get(corpus) == digest]


def _run(connection: duckdb.DuckDBPyConnection, name: str, params: dict[str, object]) -> pa.Table:
    found: pa.Table = connection.sql(fill_sql(name), params=params).to_arrow_table()
    return found


def _paths(view: View) -> list[str]:
    return [uri.removeprefix("file://") for uri in view.files]


def _register_store(connection: duckdb.DuckDBPyConnection, view: View) -> None:
    if not storage.is_local(view.layout.root):
        connection.register_filesystem(storage.filesystem_of(view.layout.root)[0])


def _bit(view: View, fault: str) -> int:
    return 1 << view.faults.index(fault) if fault in view.faults else 0
