"""Registered versions and who is champion: aliases in MLflow, one audit row for every move in the ledger.

Every function can be run again after a crash at any point: it finishes what was begun and does nothing twice.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from mmmodels.errors import GateError
from mmmodels.registry.gate import Verdict
from mmmodels.tracking import open_client, patient
from pipelines.layout import Layout
from pipelines.storage import exists, read_bytes, write_atomic

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous_champion"
ROLLED_BACK = "rolled_back"
"""Tag of a version that a person took back: nothing promotes it again by itself."""
LEDGER = "promotions.jsonl"


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """Who moves an alias, and why."""

    who: str
    why: str
    when: str = ""
    """ISO 8601; empty: now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """One row of the audit ledger."""

    name: str
    action: Literal["promote", "rollback"]
    from_version: int | None
    to_version: int
    run_key: str
    who: str
    why: str
    when: str
    verdict: Mapping[str, Any] | None


@patient
def register(model_id: str, name: str, *, tracking_uri: str, tags: Mapping[str, str] | None = None) -> int:
    """The version of this logged model under `name`, made once per run_key, tagged with every id it came from.

    A version that no gate has judged yet becomes the challenger.
    """
    client = open_client(tracking_uri)
    model = client.get_logged_model(model_id)
    links = _links(client, model) | dict(tags or {})
    found = client.search_model_versions(f"name = '{name}' AND tags.run_key = '{links['run_key']}'")
    version = found[0] if found else _create_version(client, model, name, links)
    for key, value in links.items():
        if version.tags.get(key) != value:
            client.set_model_version_tag(name, str(version.version), key, value)
    _link_back(client, model, name, int(version.version))
    if "gate" not in version.tags:
        client.set_registered_model_alias(name, CHALLENGER, str(version.version))
    return int(version.version)


def aliases(name: str, *, tracking_uri: str) -> dict[str, int]:
    """alias -> version; empty where nothing is registered under the name."""
    client = open_client(tracking_uri)
    found = client.search_registered_models(f"name = '{name}'")  # versions found by a search have no aliases
    return {alias: int(version) for alias, version in found[0].aliases.items()} if found else {}


@patient
def promote(
    name: str, version: int, verdict: Verdict, *, tracking_uri: str, layout: Layout, actor: Actor
) -> Move | None:
    """Make a version the champion and keep the one before; None where that is done already.

    Refuses a verdict that failed, is about another model, or was reached against another champion.
    """
    client = open_client(tracking_uri)
    target = client.get_model_version(name, str(version))
    before = aliases(name, tracking_uri=tracking_uri)
    champion = before.get(CHAMPION)
    if not verdict.is_champion:
        client.set_model_version_tag(name, str(version), "gate", json.dumps(verdict.as_json()))
    _refuse_failed(target, verdict)
    if champion == version and _last_champion(layout, name) == version:
        return None
    if champion != version:
        _refuse_outdated(client, target, verdict, champion)
        if verdict.is_champion:
            return None  # the same weights under another version
        if champion is not None:
            client.set_registered_model_alias(name, PREVIOUS, str(champion))
        client.set_registered_model_alias(name, CHAMPION, str(version))
    if before.get(CHALLENGER) == version:
        client.delete_registered_model_alias(name, CHALLENGER)
    from_version = champion if champion != version else before.get(PREVIOUS)
    return _record(layout, actor, target, action="promote", from_version=from_version, verdict=verdict)


@patient
def rollback(name: str, *, tracking_uri: str, layout: Layout, actor: Actor) -> Move:
    """Make the previous champion the champion again; the version taken back is marked and not promoted again."""
    client = open_client(tracking_uri)
    before = aliases(name, tracking_uri=tracking_uri)
    if CHAMPION not in before or PREVIOUS not in before:
        raise GateError(f"{name}: no previous champion to go back to (aliases: {before}). Promote a version instead.")
    bad, good = before[CHAMPION], before[PREVIOUS]
    if bad == good:  # a rollback was cut off after it moved the alias
        bad = _last_champion(layout, name) or bad
    if bad != good:
        client.set_model_version_tag(name, str(bad), ROLLED_BACK, f"by {actor.who}: {actor.why}")
        client.set_registered_model_alias(name, CHAMPION, str(good))
        target = client.get_model_version(name, str(good))
        _record(layout, actor, target, action="rollback", from_version=bad, verdict=None)
    client.delete_registered_model_alias(name, PREVIOUS)
    return Move(**history(layout, name)[-1])


def history(layout: Layout, name: str) -> list[dict[str, Any]]:
    """The audit rows of one registered model, oldest first; read without mlflow."""
    uri = layout.ledger(LEDGER)
    rows = [json.loads(line) for line in read_bytes(uri).splitlines()] if exists(uri) else []
    return [row for row in rows if row["name"] == name]


def _refuse_failed(target: "ModelVersion", verdict: Verdict) -> None:
    """Raise unless the verdict is about this version, and good."""
    which = f"{target.name} version {target.version}"
    if target.tags["run_key"] != verdict.run_key:
        raise GateError(
            f"{which}: its run_key is {target.tags['run_key'][:12]}, the verdict is about {verdict.run_key[:12]}. "
            "Judge this version."
        )
    if not verdict.passed:
        reasons = "\n  ".join(map(str, verdict.failures))
        raise GateError(f"{which}: the gate refused it.\n  {reasons}\nImprove the model, or change the gate's config.")


def _refuse_outdated(client: "MlflowClient", target: "ModelVersion", verdict: Verdict, champion: int | None) -> None:
    """Raise where something happened since the verdict: a rollback, or another champion."""
    which = f"{target.name} version {target.version}"
    if ROLLED_BACK in target.tags:
        raise GateError(
            f"{which}: it was rolled back {target.tags[ROLLED_BACK]}. To allow it again, delete its tag "
            f"{ROLLED_BACK!r} in MLflow."
        )
    now = client.get_model_version(target.name, str(champion)).tags["run_key"] if champion is not None else None
    if now != verdict.champion_run_key:
        raise GateError(
            f"{which}: judged against champion {(verdict.champion_run_key or 'none')[:12]}, but now the champion is "
            f"{(now or 'none')[:12]} (version {champion}). Judge it again."
        )


def _links(client: "MlflowClient", model: "LoggedModel") -> dict[str, str]:
    """Everything that the run and the logged model know of their origin, for the version's tags."""
    known = {**client.get_run(str(model.source_run_id)).data.tags, **model.tags}
    ours = {key: value for key, value in known.items() if not key.startswith(("mlflow.", "changed."))}
    return ours | {"model_id": model.model_id, "run_id": str(model.source_run_id)}


def _create_version(
    client: "MlflowClient", model: "LoggedModel", name: str, links: Mapping[str, str]
) -> "ModelVersion":
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    with _global_tracking_uri(client.tracking_uri):
        return client.create_model_version(
            name,
            f"models:/{model.model_id}",
            run_id=model.source_run_id,
            tags=dict(links),
            description=f"{model.model_type} of run_key {links['run_key']}; its README.md is the model card.",
            model_id=model.model_id,
        )


@contextmanager
def _global_tracking_uri(uri: str) -> Iterator[None]:
    """The SQL registry looks up a `models:/m-...` source with the process's own URI, not with the caller's."""
    import mlflow

    is_set: Callable[[], bool] = mlflow.is_tracking_uri_set  # it has no annotations
    before: Any = mlflow.get_tracking_uri() if is_set() else None  # None unsets it
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)


def _link_back(client: "MlflowClient", model: "LoggedModel", name: str, version: int) -> None:
    """MLflow's own tag from logged model to version, which only its fluent API writes."""
    known = json.loads(model.tags.get("mlflow.modelVersions", "[]"))
    link = {"name": name, "version": str(version)}
    if link not in [{**entry, "version": str(entry["version"])} for entry in known]:
        client.set_logged_model_tags(model.model_id, {"mlflow.modelVersions": json.dumps([*known, link])})


def _last_champion(layout: Layout, name: str) -> int | None:
    """The champion after the last move that the ledger knows."""
    rows = history(layout, name)
    return rows[-1]["to_version"] if rows else None


def _record(
    layout: Layout,
    actor: Actor,
    target: "ModelVersion",
    *,
    action: Literal["promote", "rollback"],
    from_version: int | None,
    verdict: Verdict | None,
) -> Move:
    """Append one row: written after the move, and by the next call where a crash came between."""
    move = Move(
        name=target.name,
        action=action,
        from_version=from_version,
        to_version=int(target.version),
        run_key=target.tags.get("run_key", ""),
        who=actor.who,
        why=actor.why,
        when=actor.when or datetime.now(UTC).isoformat(timespec="seconds"),
        verdict=verdict.as_json() if verdict else None,
    )
    uri = layout.ledger(LEDGER)
    before = read_bytes(uri) if exists(uri) else b""
    write_atomic(uri, before + json.dumps(asdict(move), ensure_ascii=False).encode() + b"\n")
    return move
