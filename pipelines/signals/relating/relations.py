"""Measure a relation over a snapshot: shard by shard, only what is missing, under a key that names what it is to."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from pipelines.errors import SignalError
from pipelines.layout import Layout
from pipelines.parallel import map_as_done
from pipelines.samples import Snapshot, digest_of
from pipelines.signals.files import open_shards, write_signals
from pipelines.signals.members import read_samples
from pipelines.signals.schema import RELATIVE, Family

_KEY = re.compile(r"[a-z_]+@[0-9a-f]{12}")


class Relation(Protocol):
    """What samples are measured against; pickled to every worker, so it holds names and not the things."""

    @property
    def family(self) -> str:
        """A name of `RELATIVE`."""

    @property
    def facts(self) -> Mapping[str, str]:
        """All that decides a value beside the sample: digests and settings. They make the key."""

    def measure(self, place: "Place", samples: pa.Table) -> Mapping[str, "pa.Array[Any]"]:
        """The family's columns, one value for every sample."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """One shard."""

    layout: Layout
    snapshot: Snapshot
    shard: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RelationReport:
    """A relation over one snapshot."""

    key: str
    """What `curate` is to be told."""
    num_samples: int
    num_shards_measured: int
    """By this call; 0 where everything was there."""
    digest: str
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class _Task:
    place: Place
    tar_sha256: str
    relation: Relation

    def __str__(self) -> str:
        return f"{self.place.snapshot} shard {self.place.shard:08d}"


def key_of(family: str, facts: Mapping[str, str]) -> str:
    """E.g. `entries@0123456789ab`: other references, settings or formulas are another key."""
    version = RELATIVE[family].version
    return f"{family}@{digest_of({'version': version, **facts})[:12]}"


def relative_family(key: str) -> Family:
    """The family of such a key; `SignalError` where it is none."""
    name = key.partition("@")[0]
    if not _KEY.fullmatch(key) or name not in RELATIVE:
        raise SignalError(f"family {key!r}: expected {'@, '.join(RELATIVE)}@ or alignment@ and 12 hex digits.")
    return RELATIVE[name]


def relate(layout: Layout, snapshot: Snapshot, relation: Relation, *, num_workers: int = 1) -> RelationReport:
    """Write what is missing of (relation, shard)."""
    start = time.monotonic()
    shards, facts = open_shards(layout, snapshot), relation.facts
    key = key_of(relation.family, facts)
    known = shards.recall(key, **facts)
    missing = [] if known else shards.missing(key)
    shards.forget(key, missing)
    tasks = (
        _Task(
            place=Place(layout=layout, snapshot=snapshot, shard=shard),
            tar_sha256=shards.tars[shard],
            relation=relation,
        )
        for shard in missing
    )
    what = f"relate {snapshot} to {relation.family}"
    for _ in map_as_done(_relate_shard, tasks, total=len(missing), num_workers=num_workers, what=what):
        pass
    return RelationReport(
        key=key,
        num_samples=shards.num_samples,
        num_shards_measured=len(missing),
        digest=known or shards.remember(key, written=None, **facts),
        seconds=time.monotonic() - start,
    )


def _relate_shard(task: _Task) -> None:
    place, relation = task.place, task.relation
    samples = read_samples(place.layout, place.snapshot, place.shard)
    table = family_table(relation.family, samples["uid"].combine_chunks(), relation.measure(place, samples))
    uri = place.layout.signal(key_of(relation.family, relation.facts), place.snapshot, place.shard)
    write_signals(uri, table, tar_sha256=task.tar_sha256, facts=relation.facts)


def family_table(family: str, uids: "pa.Array[Any]", arrays: Mapping[str, "pa.Array[Any]"]) -> pa.Table:
    """Its file: one row per sample, columns in order and of their types."""
    schema = RELATIVE[family].arrow
    return pa.Table.from_arrays(
        [uids, *(arrays[name].cast(schema.field(name).type) for name in schema.names[1:])], schema=schema
    )
