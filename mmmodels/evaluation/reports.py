"""Evaluation reports as files beside the checkpoint: made once per (model, view), read ever after without torch."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from mmmodels.evaluation.suites import SUITES
from mmmodels.tasks.register import KINDS
from pipelines import storage
from pipelines.curation.views import View, open_view
from pipelines.layout import Layout
from pipelines.samples import digest_of

SCHEMA_VERSION = 3
GROUPS = ("language",)
"""Columns whose groups are compared unless others are named."""


def evaluate(
    bundle_uri: str, *, layout: Layout, view: str, view_digest: str, groups: Sequence[str] = GROUPS
) -> dict[str, Any]:
    """The suite of the bundle's task on what the view holds out; the report with its `uri`.

    `groups` are columns of the view over which it says who is served worse, as `bias/COLUMN/...`.
    """
    provenance = storage.read_json(f"{bundle_uri}/provenance.json")
    suite = KINDS[_task_of(bundle_uri)].suite
    model_digest = str(provenance["model_digest"])
    stored = open_view(layout, view, view_digest)
    name = digest_of([suite, SCHEMA_VERSION, model_digest, stored.effective_digest, sorted(groups)])[:32]
    folder = layout.report(f"{suite}/{name}")
    uri = f"{folder}/report.json"
    if storage.exists(uri):
        return storage.read_json(uri)
    start = time.perf_counter()
    details, queries = _measure(bundle_uri, suite, stored, sorted(groups))
    details["pictures"] = _pictures(folder, details.get("pictures", {}))
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
    return storage.read_json(uri)  # as every later call tells it: JSON has no tuples


def _questions(queries: list[dict[str, Any]]) -> list[list[str]]:
    """What was asked, without the answers: two models with equal questions can be compared pair by pair."""
    return sorted([query["metric"], query["uid"]] for query in queries)


def _queries_table(queries: list[dict[str, Any]]) -> pa.Table:
    columns = {name: [query[name] for query in queries] for name in ("metric", "uid", "group", "hit")}
    kinds = {"metric": pa.string(), "uid": pa.string(), "group": pa.string(), "hit": pa.float64()}
    return pa.table({name: pa.array(columns[name], kind) for name, kind in kinds.items()})


def _task_of(bundle_uri: str) -> str:
    """Of a bundle, without reading its weights."""
    config: Any = storage.read_json(f"{bundle_uri}/config.json")
    return str(config["recipe"]["task"])


def _measure(
    bundle_uri: str, suite: str, view: View, groups: Sequence[str]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Heavy imports stand here: a report that exists needs none of them."""
    from mmmodels.alignment.bundle import read_bundle
    from mmmodels.evaluation.biases import biases, protocol_of
    from mmmodels.preparing import prepare

    bundle, module = read_bundle(bundle_uri), SUITES[suite].load()
    columns = KINDS[bundle.recipe.task].columns
    data = prepare(view, config=bundle.recipe.model, tokenizer=bundle.tokenizer, columns=columns)
    details, queries = module.measure(bundle_uri, data)
    primary = getattr(module, "PRIMARY", queries[0]["metric"] if queries else "")
    found, by_group = biases(
        details,
        queries,
        view=view,
        data=data,
        columns=groups,
        primary=primary,
        aligner=bundle_uri if bundle.recipe.task == "align" else None,
    )
    details = dict(details) | {"metrics": details["metrics"] | found, "groups": by_group}
    protocol = {"suite": suite, **module.PROTOCOL, "bias": protocol_of(groups, primary)}
    return {"protocol": protocol, "protocol_digest": digest_of(protocol)} | details, queries


def _pictures(folder: str, pictures: Mapping[str, bytes]) -> dict[str, str]:
    """Name -> where it was written."""
    uris = {name: f"{folder}/{name}.png" for name in pictures}
    for name, uri in uris.items():
        storage.write_atomic(uri, pictures[name])
    return uris
