"""All that decides a view, with the digest of each part of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.curation import duplicates
from pipelines.curation.contamination import EvaluationSet, Thresholds, read_thresholds
from pipelines.curation.duplicates.kinds import signals_of
from pipelines.curation.duplicates.settings import finding_digest
from pipelines.curation.parsing import Query
from pipelines.curation.pool import families_of, signal_digest
from pipelines.curation.withdrawing import withdrawn
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.signals.files import open_shards
from pipelines.signals.schema import Family

ENGINE_VERSION = 2
"""Raised when equal inputs would give other verdicts; part of the digest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What is asked of which samples."""

    layout: Layout
    snapshots: tuple[Snapshot, ...]
    query: Query
    alignment: str | None
    allow_not_measured: bool
    relations: tuple[str, ...] = ()
    """Families that `relate` made, by key."""
    as_of: tuple[str, ...] | None = None
    """Withdrawn samples as they were known when a stored view was curated; None: as they are today."""
    evaluation_sets: tuple[EvaluationSet, ...] = ()
    """Of other views; what they ask may not be trained on."""

    @property
    def families(self) -> Mapping[str, Family]:
        """By key: what must be measured."""
        return families_of(self.query, self.alignment, self.relations)

    def inputs(self) -> dict[str, object]:
        """Names and digests of everything that the verdicts depend on; equal inputs give equal verdicts."""
        shards = [open_shards(self.layout, snapshot) for snapshot in self.snapshots]
        return {
            "engine": [ENGINE_VERSION, duplicates.VERSION],
            "snapshots": [str(snapshot) for snapshot in self.snapshots],
            "shards": [one.digest for one in shards],
            "signals": {key: [signal_digest(one, key) for one in shards] for key in self.families},
            "policy": self.query.policy.sql,
            "params": dict(self.query.policy.params),
            "tombstones": self.tombstones(),
            "allow_not_measured": self.allow_not_measured,
            "duplicates": {
                name: {
                    "finding": finding_digest(name, kind),
                    "max_per_component": kind.max_per_component,
                    "signals": {key: [signal_digest(one, key) for one in shards] for key in signals_of(kind)},
                }
                for name, kind in self.duplicates.kinds.items()
            },
            "evaluation_sets": [one.inputs(self.layout) for one in self.evaluation_sets],
            "contamination": self.thresholds.inputs(),
        }

    @property
    def duplicates(self) -> duplicates.DuplicateSettings:
        """Which kinds make faults, and how many of a component are kept."""
        policy = self.query.policy
        return duplicates.DuplicateSettings.parse(
            policy.settings.get("duplicates"),
            max_per_component=policy.settings.get("max_per_component", 1),
            where=policy.where("duplicates"),
        )

    @property
    def thresholds(self) -> Thresholds:
        """How near to an evaluation set is too near."""
        policy = self.query.policy
        return read_thresholds(policy.settings.get("contamination"), where=policy.where("contamination"))

    def tombstones(self) -> list[str]:
        """The withdrawn samples of these snapshots, sorted."""
        if self.as_of is not None:
            return list(self.as_of)
        return sorted({str(uid) for uid in withdrawn(self.layout, self.snapshots)["uid"].to_pylist()})
