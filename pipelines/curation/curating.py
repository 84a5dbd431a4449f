"""Decide what is kept: a policy over snapshots gives a view. Equal inputs give the same view, found and not made."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from pipelines import storage
from pipelines.curation.contamination import evaluation_sets_for
from pipelines.curation.judging import Judgement, Question, judge
from pipelines.curation.parsing import parse
from pipelines.curation.policy import Policy
from pipelines.curation.records import check_snapshots
from pipelines.curation.splits import Split
from pipelines.curation.views import SCHEMA_VERSION, View, check_name, open_view, write_verdicts
from pipelines.layout import Layout
from pipelines.samples import Snapshot, digest_of, sha256


@dataclass(frozen=True, kw_only=True, slots=True)
class ViewReport:
    """What a policy keeps of a pool."""

    view: str
    digest: str
    uri: str
    num_samples: int
    num_kept: int
    num_kept_by_split: Mapping[str, int]
    dropped_by_fault: Mapping[str, int]
    """By first fault, in the order in which faults are judged; those that drop nothing are there with 0."""
    seconds: float
    created: bool
    """False where the view was there."""


def curate(
    layout: Layout,
    snapshots: Sequence[Snapshot],
    *,
    policy: Policy,
    view: str,
    params: Mapping[str, object] | None = None,
    alignment: str | None = None,
    relations: Sequence[str] = (),
    allow_not_measured: bool = False,
) -> ViewReport:
    """`PolicyError` where a rule asks for what was not measured, unless those samples are to be dropped for it."""
    start = time.monotonic()
    named = policy.settings.get("evaluation_sets", ())
    question = Question(
        layout=layout,
        snapshots=check_snapshots(snapshots),
        query=parse(policy.with_params(params)),
        alignment=alignment,
        relations=tuple(relations),
        allow_not_measured=allow_not_measured,
        evaluation_sets=tuple(evaluation_sets_for(layout, check_name(view), named)),
    )
    inputs = question.inputs()
    digest = digest_of(inputs)
    uri = layout.view(check_name(view), digest)
    created = not storage.exists(f"{uri}/view.json")
    if created:
        _write(question, judge(question), inputs=inputs, view=view, digest=digest)
    manifest = open_view(layout, view, digest).manifest
    return ViewReport(
        view=view,
        digest=digest,
        uri=uri,
        num_samples=manifest["num_samples"],
        num_kept=manifest["num_kept"],
        num_kept_by_split={str(split): manifest["num_kept_by_split"][split] for split in Split},
        dropped_by_fault={fault: manifest["dropped_by_fault"][fault] for fault in manifest["faults"]},
        seconds=time.monotonic() - start,
        created=created,
    )


def _write(question: Question, judgement: Judgement, *, inputs: Mapping[str, object], view: str, digest: str) -> None:
    """All files of a view, `view.json` last."""
    policy, table = question.query.policy, judgement.table()
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "view": view,
        "digest": digest,
        "snapshots": [{"corpus": one.corpus, "snapshot": one.snapshot} for one in question.snapshots],
        "policy": {"name": policy.name, "description": policy.description, "sha256": sha256(policy.sql.encode())},
        "alignment": question.alignment,
        "relations": list(question.relations),
        "inputs": {name: value for name, value in inputs.items() if name != "policy"},
        "num_records": len(table) + sum(judgement.pool.failures.values()),
        "num_failures_by_status": dict(judgement.pool.failures),
        **_counts(judgement.verdicts.faults, table),
    }
    stored = View(layout=question.layout, view=view, digest=digest, manifest=manifest)
    storage.write_atomic(f"{stored.uri}/policy.sql", policy.sql.encode())
    storage.write_json(f"{stored.uri}/params.json", dict(policy.params))
    storage.write_table(f"{stored.uri}/funnel.parquet", judgement.funnel())
    write_verdicts(stored.uri, table, num_snapshots=len(question.snapshots))
    storage.write_json(f"{stored.uri}/view.json", manifest)


def _counts(faults: Sequence[str], table: pa.Table) -> dict[str, object]:
    first = Counter(table["first_fault"].to_pylist())
    splits = Counter(table.filter(table["kept"])["split"].to_pylist())
    return {
        "num_samples": len(table),
        "num_kept": first[None],
        "num_kept_by_split": {str(split): splits[split] for split in Split},
        "faults": list(faults),
        "dropped_by_fault": {fault: first[fault] for fault in faults},
    }
