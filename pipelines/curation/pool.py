"""The table `samples` of a policy: what the sidecars say, what was measured, and what the engine derives, by uid."""

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines import storage
from pipelines.curation.parsing import Query
from pipelines.curation.queries import run_sql
from pipelines.curation.records import read_records
from pipelines.curation.splits import split_column
from pipelines.errors import PolicyError
from pipelines.layout import Layout
from pipelines.samples import Snapshot, digest_of
from pipelines.shards.sidecar import SIDECAR
from pipelines.signals import columns
from pipelines.signals.files import Shards
from pipelines.signals.relating.relations import relative_family
from pipelines.signals.schema import FAMILIES, KNOWN_FAMILIES, RELATIVE, Family

FINGERPRINTS = FAMILIES["fingerprints"]
"""Duplicates and contamination need it, whatever the policy asks."""
ALIGNMENT = Family(name="alignment", version=1, modality=None, columns=columns.ALIGNMENT)
"""Its key on disk carries the digest of the scoring model instead of a version."""
DERIVED = ("corpus", "snapshot", "has_image", "has_text", "has_audio", "label", "split")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pool:
    """Every sample of some snapshots, in source order, and the records that did not become one."""

    samples: pa.Table
    repeated: pa.Table
    """Samples whose uid an earlier snapshot has: no rule sees them."""
    failures: Mapping[str, int]
    """Status of packing -> records."""
    unmeasured: Mapping[str, NDArray[np.bool_]]
    """Family key -> samples that have its modality and no row; families without any such sample are left out."""


def known_columns() -> frozenset[str]:
    """Every name that a policy may use, measured or not."""
    every = (*KNOWN_FAMILIES.values(), ALIGNMENT, *RELATIVE.values())
    signals = (name for family in every for name in names_of(family))
    return _SIDECAR | frozenset(DERIVED) | frozenset(signals)


def families_of(query: Query, alignment: str | None, relations: Sequence[str] = ()) -> dict[str, Family]:
    """Key -> family whose columns the policy names; always fingerprints, never for a name that the sidecar has.

    Families that are keyed by what they were computed against must be named: `alignment`, and `relations` for others.
    """
    used = {
        family.key: family
        for family in KNOWN_FAMILIES.values()
        if family is FINGERPRINTS or names_of(family) & query.names
    }
    if scores := names_of(ALIGNMENT) & query.names:
        if alignment is None:
            raise PolicyError(
                f"{query.where(min(scores))}: {min(scores)} is an alignment score and no scoring model is named. "
                "Score the snapshot, then name the family: alignment@DIGEST."
            )
        used[alignment] = ALIGNMENT
    return used | _related(query, relations)


def _related(query: Query, relations: Sequence[str]) -> dict[str, Family]:
    """The relations that the policy names, each given once and none for nothing."""
    given = {key: relative_family(key) for key in relations}
    used = {name: family for name, family in RELATIVE.items() if names_of(family) & query.names}
    for name, family in used.items():
        keys = [key for key in given if given[key] is family]
        if len(keys) != 1:
            column = min(names_of(family) & query.names)
            raise PolicyError(
                f"{query.where(column)}: {column} is of a relation, and {len(keys)} families {name}@ are named. Run: "
                f"python -m pipelines relate {name} --root ROOT, then name its family: --relation {name}@DIGEST."
            )
    for key, family in given.items():
        if family.name not in used:
            raise PolicyError(f"policy {query.policy.name}: names no column of {key}. Leave it out.")
    return {key: family for key, family in given.items() if family.name in used}


def families_by_key(keys: Collection[str]) -> dict[str, Family]:
    """The families that keys such as `image@1` or `alignment@DIGEST` mean; versions no longer known are left out."""
    known = {family.key: family for family in KNOWN_FAMILIES.values()}
    keyed = {ALIGNMENT.name: ALIGNMENT, **RELATIVE}
    scored = {key: keyed[key.partition("@")[0]] for key in keys if key.partition("@")[0] in keyed}
    return {key: known[key] for key in keys if key in known} | scored


def read_pool(layout: Layout, snapshots: Sequence[Snapshot], families: Mapping[str, Family], names: Set[str]) -> Pool:
    """Join by uid the columns in `names` of what was measured; where a shard has no file its samples are unmeasured."""
    records = read_records(layout, snapshots)
    failures = run_sql("failures", records=records).to_pylist()
    samples = run_sql("samples", records=records)
    split = split_column(samples["group"], samples["language"], samples["voice"])
    samples = samples.append_column("split", split)
    first = run_sql("first_of_uid", samples=samples)["is_first"]
    samples, repeated = samples.filter(first), samples.filter(pc.invert(first))
    unmeasured = {}
    for key, family in families.items():
        wanted = sorted(names_of(family) & {*names, "image_phash"})
        signals = _read_signals(
            layout, snapshots, key, pa.schema([family.arrow.field(name) for name in ("uid", *wanted)])
        )
        row = pc.index_in(samples["uid"], value_set=signals["uid"].combine_chunks())
        missing = _applies(samples, family) & row.is_null().to_numpy()
        if missing.any():
            unmeasured[key] = missing
        for name in wanted:
            samples = samples.append_column(name, signals[name].take(row))
    by_status = {row["status"]: row["num_records"] for row in failures}
    return Pool(samples=samples, repeated=repeated, failures=by_status, unmeasured=unmeasured)


def signal_digest(shards: Shards, family: str) -> str:
    """sha256 over a family's files: remembered by `measure` where it is complete, else of what is there."""
    folder = shards.layout.signals(family, shards.snapshot)
    files = ((name, storage.file_sha256(f"{folder}/{name}")) for name in storage.names(folder, ".parquet"))
    return shards.recall(family) or digest_of(list(files))


def mask_of(column: "pa.ChunkedArray[Any]") -> NDArray[np.bool_]:
    """Where a boolean column is true; null is not."""
    mask: NDArray[np.bool_] = column.combine_chunks().fill_null(False).to_numpy(zero_copy_only=False)
    return mask


_SIDECAR = frozenset(SIDECAR.names) - {"status", "error_message"}


def names_of(family: Family) -> frozenset[str]:
    """The columns of a family under which it is known: the sidecar keeps what it has."""
    return frozenset(column.name for column in family.columns) - _SIDECAR


def _applies(samples: pa.Table, family: Family) -> NDArray[np.bool_]:
    if family.modality is None:
        return np.ones(len(samples), dtype=bool)
    return mask_of(samples[f"has_{family.modality}"])


def _read_signals(layout: Layout, snapshots: Sequence[Snapshot], key: str, schema: pa.Schema) -> pa.Table:
    folders = [layout.signals(key, snapshot) for snapshot in snapshots]
    files = [f"{folder}/{name}" for folder in folders for name in storage.names(folder, ".parquet")]
    tables = [storage.read_table(file, schema.names).cast(schema) for file in files]
    return pa.concat_tables([schema.empty_table(), *tables])
