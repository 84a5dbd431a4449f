"""Evaluation reports as files beside the checkpoint: made once per (model, view), read ever after without torch."""

import time
from typing import Any

import pyarrow as pa

from mmmodels.recipes import Recipe
from pipelines import storage
from pipelines.curation.views import View, open_view
from pipelines.layout import Layout
from pipelines.samples import digest_of

SCHEMA_VERSION = 1


def evaluate_aligner(bundle_uri: str, *, layout: Layout, view: str, view_digest: str) -> dict[str, Any]:
    """Retrieval on what the view holds out: see evaluation.aligning.PROTOCOL; the report with its `uri`."""
    return _report(bundle_uri, "retrieval", layout=layout, view=view, view_digest=view_digest)


def evaluate_classifier(bundle_uri: str, *, layout: Layout, view: str, view_digest: str) -> dict[str, Any]:
    """Labels of held-out concepts, from each modality alone and from all; the report with its `uri`."""
    return _report(bundle_uri, "classification", layout=layout, view=view, view_digest=view_digest)


def _report(bundle_uri: str, suite: str, *, layout: Layout, view: str, view_digest: str) -> dict[str, Any]:
    provenance = storage.read_json(f"{bundle_uri}/provenance.json")
    model_digest = str(provenance["model_digest"])
    stored = open_view(layout, view, view_digest)
    name = digest_of([suite, SCHEMA_VERSION, model_digest, stored.effective_digest])[:32]
    folder = layout.report(f"{suite}/{name}")
    uri = f"{folder}/report.json"
    if storage.exists(uri):
        return storage.read_json(uri)
    start = time.perf_counter()
    details, queries = _measure(bundle_uri, suite, stored)
    storage.write_table(f"{folder}/queries.parquet", _queries_table(queries))
    report = {
        "suite": suite,
        "schema_version": SCHEMA_VERSION,
        "uri": uri,
        "queries_uri": f"{folder}/queries.parquet",
        "view": view,
        "view_digest": view_digest,
        "effective_digest": stored.effective_digest,
        "evaluation_digest": digest_of([suite, details["protocol_digest"], _questions(queries)]),
        "model_digest": model_digest,
        "run_key": provenance["run_key"],
        "seconds": time.perf_counter() - start,
    } | details
    storage.write_json(uri, report)
    return report


def _questions(queries: list[dict[str, Any]]) -> list[list[str]]:
    """What was asked, without the answers: two models with equal questions can be compared pair by pair."""
    return sorted([query["metric"], query["uid"]] for query in queries)


def _queries_table(queries: list[dict[str, Any]]) -> pa.Table:
    columns = {name: [query[name] for query in queries] for name in ("metric", "uid", "group", "hit")}
    kinds = {"metric": pa.string(), "uid": pa.string(), "group": pa.string(), "hit": pa.float64()}
    return pa.table({name: pa.array(columns[name], kind) for name, kind in kinds.items()})


def _measure(bundle_uri: str, suite: str, view: View) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Heavy imports stand here: a report that exists needs none of them."""
    from mmmodels.alignment.bundle import read_bundle
    from mmmodels.preparing import prepare

    recipe, _, tokenizer, _, _ = read_bundle(bundle_uri)
    data = prepare(view, config=recipe.model, tokenizer=tokenizer)
    if suite == "retrieval":
        from mmmodels.alignment.bundle import load_aligner
        from mmmodels.evaluation.aligning import PROTOCOL_DIGEST, metrics_of

        metrics, queries = metrics_of(load_aligner(bundle_uri), _untrained(recipe, bundle_uri), data)
        return {"protocol_digest": PROTOCOL_DIGEST, "metrics": metrics}, queries
    from mmmodels.evaluation.classifying import evaluate_labels
    from mmmodels.tasks.classification import load_classifier

    details, queries = evaluate_labels(load_classifier(bundle_uri), data)
    return {"protocol_digest": digest_of("labels of held-out concepts, version 1"), "metrics": {}} | details, queries


def _untrained(recipe: Recipe, bundle_uri: str) -> Any:
    import torch

    from mmmodels.alignment.aligner import Aligner
    from mmmodels.alignment.bundle import build_aligner, read_bundle

    torch.manual_seed(recipe.training.seed)
    return Aligner(build_aligner(recipe.model), tokenizer=read_bundle(bundle_uri)[2], digest="untrained")
