"""Decide what is kept: a policy over snapshots gives a view. Equal inputs give the same view, found and not made."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipelines import storage
from pipelines.curation.contamination import evaluation_sets_for
from pipelines.curation.counting import count_funnel, counts_of
from pipelines.curation.currents import make_current
from pipelines.curation.judging import judge
from pipelines.curation.parsing import parse
from pipelines.curation.policy import Policy
from pipelines.curation.questions import Question
from pipelines.curation.records import check_snapshots
from pipelines.curation.splits import Split
from pipelines.curation.subset import write_subset
from pipelines.curation.views import SCHEMA_VERSION, View, check_name, open_view
from pipelines.layout import Layout
from pipelines.samples import Snapshot, digest_of, sha256
from pipelines.shards.sidecar import SUCCESS
from pipelines.shards.snapshots import each_stats, num_shards


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
        write_view(question, inputs=inputs, view=view, digest=digest)
    manifest = open_view(layout, view, digest).manifest
    make_current(layout, view, digest)
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


def write_view(question: Question, *, inputs: Mapping[str, object], view: str, digest: str) -> None:
    """All files of a view, `view.json` last."""
    layout, policy, uri = question.layout, question.query.policy, question.layout.view(view, digest)
    judgement, failures = judge(question, uri), _failures(question)
    known = {
        "schema_version": SCHEMA_VERSION,
        "view": view,
        "digest": digest,
        "snapshots": [{"corpus": one.corpus, "snapshot": one.snapshot} for one in question.snapshots],
        "policy": {"name": policy.name, "description": policy.description, "sha256": sha256(policy.sql.encode())},
        "alignment": question.alignment,
        "relations": list(question.relations),
        "inputs": {name: value for name, value in inputs.items() if name != "policy"},
        "num_records": judgement.num_samples + sum(failures.values()),
        "num_failures_by_status": failures,
        "num_unmeasured": {str(one): dict(families) for one, families in judgement.unmeasured.items()},
        "faults": list(judgement.faults.names),
    }
    drawn = View(layout=layout, view=view, digest=digest, manifest=known)
    funnel = count_funnel(layout, drawn.files, f"{uri}/facets.parquet", judgement.faults, failures)
    stored = View(layout=layout, view=view, digest=digest, manifest={**known, **counts_of(funnel)})
    storage.write_atomic(f"{uri}/policy.sql", policy.sql.encode())
    storage.write_json(f"{uri}/params.json", dict(policy.params))
    storage.write_table(f"{uri}/funnel.parquet", funnel)
    write_subset(stored)
    storage.write_json(f"{uri}/view.json", stored.manifest)


def _failures(question: Question) -> dict[str, int]:
    """Records that packing refused, by status."""
    found: Counter[str] = Counter()
    for snapshot in question.snapshots:
        for stats in each_stats(question.layout, snapshot, range(num_shards(question.layout, snapshot))):
            found.update(dict(stats["status_dict"]))  # type: ignore[call-overload]
    return {status: int(count) for status, count in sorted(found.items()) if status != SUCCESS and count}
