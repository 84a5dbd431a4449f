"""A verdict for every sample of a pool: the policy's rules, then what the engine adds to every policy."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import storage
from pipelines.curation import duplicates
from pipelines.curation.contamination import (
    EvaluationSet,
    Thresholds,
    find_contamination,
    near_held_out,
    read_thresholds,
)
from pipelines.curation.evaluating import evaluate
from pipelines.curation.parsing import Query
from pipelines.curation.pool import Pool, families_of, known_columns, read_pool, signal_digest, unmeasured_message
from pipelines.curation.queries import run_sql
from pipelines.curation.verdicts import NO_COMPONENT, Mask, Membership, Verdicts, decide, verdicts_of
from pipelines.curation.withdrawing import withdrawn
from pipelines.errors import PolicyError
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.signals.files import open_shards

ENGINE_VERSION = 1
"""Raised when equal inputs would give other verdicts; part of the digest."""


_OF_SAMPLES = (
    *("uid", "part", "corpus", "snapshot", "shard", "source_row", "split", "language", "source", "license"),
    *("has_image", "has_text", "has_audio"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """All that decides a view."""

    layout: Layout
    snapshots: tuple[Snapshot, ...]
    query: Query
    alignment: str | None
    allow_not_measured: bool
    relations: tuple[str, ...] = ()
    """Families that `relate` made, by key."""
    evaluation_sets: tuple[EvaluationSet, ...] = ()
    """Of other views; what they ask may not be trained on."""

    def inputs(self) -> dict[str, object]:
        """Names and digests of everything that the verdicts depend on; equal inputs give equal verdicts."""
        shards = [open_shards(self.layout, snapshot) for snapshot in self.snapshots]
        families = families_of(self.query, self.alignment, self.relations)
        return {
            "engine": [ENGINE_VERSION, duplicates.VERSION],
            "snapshots": [str(snapshot) for snapshot in self.snapshots],
            "shards": [one.digest for one in shards],
            "signals": {key: [signal_digest(one, key) for one in shards] for key in families},
            "policy": self.query.policy.sql,
            "params": dict(self.query.policy.params),
            "tombstones": self.tombstones(),
            "allow_not_measured": self.allow_not_measured,
            "evaluation_sets": [one.inputs(self.layout) for one in self.evaluation_sets],
            "contamination": self.thresholds.inputs(),
        }

    @property
    def thresholds(self) -> Thresholds:
        """How near to an evaluation set is too near."""
        policy = self.query.policy
        return read_thresholds(policy.settings.get("contamination"), where=policy.where("contamination"))

    def tombstones(self) -> list[str]:
        """The withdrawn samples of these snapshots, sorted."""
        return sorted({str(uid) for uid in withdrawn(self.layout, self.snapshots)["uid"].to_pylist()})


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """The verdicts on a pool."""

    pool: Pool
    verdicts: Verdicts

    def table(self) -> pa.Table:
        """See sql/verdicts.sql."""
        columns = list(_OF_SAMPLES)
        samples = pa.concat_tables([self.pool.samples.select(columns), self.pool.repeated.select(columns)])
        num_repeated = len(self.pool.repeated)
        bit = np.uint64(1 << self.verdicts.faults.index("repeated_uid"))
        verdicts = Verdicts(
            faults=self.verdicts.faults,
            bits=np.append(self.verdicts.bits, np.full(num_repeated, bit)),
            weight=np.append(self.verdicts.weight, np.ones(num_repeated, dtype=np.float32)),
        )
        decided = pa.table(
            {
                "uid": samples["uid"],
                "corpus": samples["corpus"],
                "faults": verdicts.bits,
                "first_fault": verdicts.first_fault,
                "weight": verdicts.weight,
            }
        )
        return run_sql("verdicts", samples=samples, decided=decided)

    def funnel(self) -> pa.Table:
        """See sql/funnel.sql."""
        bits = [1 << position for position in range(len(self.verdicts.faults))]
        faults = pa.table(
            {
                "position": pa.array(range(len(bits)), pa.int32()),
                "fault": pa.array(self.verdicts.faults, pa.string()),
                "bit": pa.array(bits, pa.uint64()),
                "below": pa.array([bit - 1 for bit in bits], pa.uint64()),
            }
        )
        failures = pa.table(
            {
                "fault": pa.array(self.pool.failures.keys(), pa.string()),
                "num_records": pa.array(self.pool.failures.values(), pa.int64()),
            }
        )
        return run_sql("funnel", verdicts=self.table(), faults=faults, failures=failures)


def judge(question: Question) -> Judgement:
    """`PolicyError` where something that the policy needs was not measured, unless that is allowed."""
    layout, snapshots = question.layout, question.snapshots
    families = families_of(question.query, question.alignment, question.relations)
    pool = read_pool(layout, snapshots, families, question.query.names)
    if pool.unmeasured and not question.allow_not_measured:
        raise PolicyError(f"policy {question.query.policy.name}: {unmeasured_message(pool, layout)}")
    ruling = evaluate(question.query, pool.samples, known=known_columns())
    found = duplicates.find_duplicates(layout, snapshots, allow_not_measured=question.allow_not_measured)
    leaks = near_held_out(pool.samples, run_sql("texts", samples=pool.samples))
    none = np.zeros(len(pool.samples), dtype=bool)
    faults = decide(
        before={
            "tombstoned": _is_in(pool.samples, question.tombstones()),
            "not_measured": np.logical_or.reduce([none, *pool.unmeasured.values()]),
            "repeated_uid": none,
        },
        rules=ruling.faults,
        near_held_out=_is_in(pool.samples, leaks["uid"].to_pylist()),
        contaminated=_is_in(pool.samples, _contaminated(question)),
        duplicates=_memberships(pool.samples, storage.read_table(found.uri)),
    )
    return Judgement(pool=pool, verdicts=verdicts_of(faults, ruling.weight))


def _contaminated(question: Question) -> list[str]:
    if not question.evaluation_sets:
        return []
    found = find_contamination(
        question.layout,
        question.snapshots,
        evaluation_sets=question.evaluation_sets,
        settings=question.thresholds,
        allow_not_measured=question.allow_not_measured,
    )
    return sorted({str(uid) for uid in storage.read_table(found.uri, ["uid"])["uid"].to_pylist()})


def _is_in(samples: pa.Table, uids: Iterable[str | None]) -> Mask:
    mask: Mask = pc.is_in(samples["uid"], value_set=pa.array(uids, pa.string())).to_numpy().astype(bool)
    return mask


def _memberships(samples: pa.Table, found: pa.Table) -> Mapping[str, Membership]:
    return {
        fault: _membership(samples, found.filter(pc.field("kind") == kind))
        for kind, fault in duplicates.FAULTS.items()
        if kind in ("exact", "near_image")
    }


def _membership(samples: pa.Table, found: pa.Table) -> Membership:
    component = np.full(len(samples), NO_COMPONENT, dtype=np.int64)
    rank = np.zeros(len(samples), dtype=np.int64)
    row = pc.index_in(found["uid"], value_set=samples["uid"].combine_chunks()).to_numpy()
    component[row] = found["component"].combine_chunks().dictionary_encode().indices.to_numpy()
    rank[row] = found["rank"].to_numpy()
    return Membership(component=component, rank=rank)
