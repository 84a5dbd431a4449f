"""Versions in the model registry, the gate they pass, and who is champion."""

from pathlib import Path

import dagster as dg

from assets import upstream
from assets.curation import curated_view
from assets.evaluation import aligner_report, classifier_report, evaluated
from assets.markdown import table
from assets.metadata import ML_ENGINEERING, headline
from assets.partitions import SNAPSHOTS
from assets.resources import CorpusStore, Gate, Mlflow
from assets.training import aligner, classifier, links
from assets.view_checks import stored_view
from mmmodels.registry.contract import Kind
from mmmodels.registry.export import fetch_bundle, log_bundle
from mmmodels.registry.gate import Verdict, judge, read_evidence
from mmmodels.registry.glance import RegisteredModel
from mmmodels.registry.promotion import CHAMPION, Actor, history, promote, register
from pipelines.curation.contamination import check_leakage
from pipelines.layout import Layout
from pipelines.storage import exists, read_json


@dg.asset(
    deps=[aligner, aligner_report],
    partitions_def=SNAPSHOTS,
    group_name="registry",
    kinds={"mlflow"},
    owners=ML_ENGINEERING,
    code_version="1",
)
def registered_aligner(
    context: dg.AssetExecutionContext, corpora: CorpusStore, mlflow: Mlflow
) -> dg.MaterializeResult[None]:
    """A version of the aligner in MLflow's registry, with its report, its card and every id it came from.

    It is the challenger until the gate has judged it.
    """
    name = corpora.corpus(upstream.snapshot(context).corpus).registered_model
    return _registered(context, mlflow, name, "aligner", made=aligner, judged=aligner_report)


@dg.asset(
    deps=[classifier, classifier_report],
    partitions_def=SNAPSHOTS,
    group_name="registry",
    kinds={"mlflow"},
    owners=ML_ENGINEERING,
    code_version="1",
)
def registered_classifier(
    context: dg.AssetExecutionContext, corpora: CorpusStore, mlflow: Mlflow
) -> dg.MaterializeResult[None]:
    """A version of the classifier in MLflow's registry, with its report, its card and every id it came from."""
    name = corpora.corpus(upstream.snapshot(context).corpus).registered_model.replace("aligner", "classifier", 1)
    return _registered(context, mlflow, name, "classifier", made=classifier, judged=classifier_report)


def _registered(
    context: dg.AssetExecutionContext,
    mlflow: Mlflow,
    name: str,
    kind: Kind,
    *,
    made: dg.AssetsDefinition,
    judged: dg.AssetsDefinition,
) -> dg.MaterializeResult[None]:
    """Log and register, unless this very model with this very report is registered already."""
    model, report = upstream.latest(context, made), upstream.latest(context, judged)
    before = upstream.find_latest(context, context.asset_key)
    known = before is not None and before["report_uri"] == report["report_uri"]
    if not known or mlflow.registered(name).version_of(model["run_key"]) is None:
        model_id = log_bundle(
            model["mlflow_run_id"],
            Path(model["bundle_uri"]),
            kind,
            tracking_uri=mlflow.tracking_uri,
            report=read_json(report["report_uri"]),
        )
        tags = {**links(context, context.asset_key.to_user_string()), "checkpoint_uri": model["bundle_uri"]}
        register(model_id, name, tracking_uri=mlflow.tracking_uri, tags=tags)
    registry = mlflow.registered(name)
    version = registry.version_of(model["run_key"])
    if version is None:
        raise LookupError(f"{name}: registered, and yet MLflow has no version of run {model['run_key']}")
    return dg.MaterializeResult(
        data_version=dg.DataVersion(model.data_version),
        metadata={
            "headline": headline(f"{name} version {version}"),
            "mlflow_model": dg.MetadataValue.url(mlflow.version_url(name, version)),
            "mlflow_run": dg.MetadataValue.url(mlflow.run_url(model["mlflow_run_id"])),
            "name": name,
            "version": version,
            "model_id": registry.tags[version].get("model_id", ""),
            "run_key": model["run_key"],
            "bundle_uri": model["bundle_uri"],
            "report_uri": report["report_uri"],
        },
    )


@dg.asset_check(asset=registered_aligner, name="gate", blocking=True)
def registered_aligner_gate(
    context: dg.AssetCheckExecutionContext, corpora: CorpusStore, mlflow: Mlflow, gate: Gate
) -> dg.AssetCheckResult:
    """May it become champion: is it far enough above chance, not worse than the champion, and of known origin?"""
    verdict = judged_now(context, corpora, mlflow, gate)
    rules = ([rule.name, rule.value, rule.threshold, "passed" if rule.passed else "FAILED"] for rule in verdict.rules)
    return dg.AssetCheckResult(
        passed=verdict.passed,
        description="\n".join(map(str, verdict.failures)) or "every rule passed",
        metadata={"rules": table(["rule", "value", "threshold", "result"], rules)},
    )


def judged_now(context: upstream.Context, corpora: CorpusStore, mlflow: Mlflow, gate: Gate) -> Verdict:
    """The verdict on this partition's version against today's champion, on this partition's held-out samples."""
    registered = upstream.latest(context, registered_aligner)
    leaks = check_leakage(stored_view(context, corpora.layout, curated_view))
    provenance = read_json(f"{registered['bundle_uri']}/provenance.json")
    challenger = read_evidence(registered["report_uri"], provenance=provenance, leaks=[str(leak) for leak in leaks])
    champion_bundle = bundle_of_champion(mlflow.registered(registered["name"]), mlflow)
    if champion_bundle is None:
        return judge(challenger, None, config=gate.config)
    report = evaluated(context, corpora, champion_bundle)
    return judge(challenger, read_evidence(str(report["uri"])), config=gate.config)


def bundle_of_champion(registry: RegisteredModel, mlflow: Mlflow) -> str | None:
    """The champion's weights: its checkpoint, or the copy in MLflow where that is gone; None without a champion."""
    version = registry.aliases.get(CHAMPION)
    if version is None:
        return None
    tags = registry.tags[version]
    bundle = tags.get("checkpoint_uri", "")
    if bundle and exists(f"{bundle}/provenance.json"):
        return bundle
    return str(fetch_bundle(tags["model_id"], tracking_uri=mlflow.tracking_uri))


@dg.asset(
    deps=[registered_aligner],
    partitions_def=SNAPSHOTS,
    group_name="registry",
    kinds={"mlflow"},
    owners=ML_ENGINEERING,
    code_version="1",
)
def champion_aligner(
    context: dg.AssetExecutionContext, corpora: CorpusStore, mlflow: Mlflow, gate: Gate
) -> dg.MaterializeResult[None]:
    """The version that the alias `champion` points to: what scores alignment and what is served.

    A version that passed the gate becomes champion once. Where a person has moved the alias since, it stays there.
    """
    registered = upstream.latest(context, registered_aligner)
    name, version = registered["name"], registered["version"]
    if not was_promoted(corpora.layout, name, version):
        _promote_if_passed(context, corpora, mlflow, gate)
    registry = mlflow.registered(name)
    champion = registry.aliases[CHAMPION]
    bundle = bundle_of_champion(registry, mlflow)
    provenance = read_json(f"{bundle}/provenance.json")
    moves = ([row["when"], row["action"], row["from_version"], row["to_version"], row["who"], row["why"]]
             for row in history(corpora.layout, name)[-10:])  # fmt: skip
    return dg.MaterializeResult(
        data_version=dg.DataVersion(str(provenance["model_digest"])),
        metadata={
            "headline": headline(f"{name} version {champion} is champion"),
            "mlflow_model": dg.MetadataValue.url(mlflow.version_url(name, champion)),
            "moves": table(["when", "move", "from", "to", "who", "why"], moves),
            "name": name,
            "version": champion,
            "bundle_uri": bundle or "",
            "model_digest": str(provenance["model_digest"]),
        },
    )


def _promote_if_passed(context: dg.AssetExecutionContext, corpora: CorpusStore, mlflow: Mlflow, gate: Gate) -> None:
    """Where the gate refuses, an earlier champion stays; without one there is nothing to stay, and that is an error."""
    registered = upstream.latest(context, registered_aligner)
    name, verdict = registered["name"], judged_now(context, corpora, mlflow, gate)
    if verdict.passed or CHAMPION not in mlflow.registered(name).aliases:
        actor = Actor(who=f"dagster run {context.run.run_id}", why=f"passed the gate on {context.partition_key}")
        promote(
            name,
            registered["version"],
            verdict,
            tracking_uri=mlflow.tracking_uri,
            layout=corpora.layout,
            actor=actor,
        )


def was_promoted(layout: Layout, name: str, version: int) -> bool:
    """Whether the ledger knows of a promotion of this version."""
    return any(row["action"] == "promote" and row["to_version"] == version for row in history(layout, name))
