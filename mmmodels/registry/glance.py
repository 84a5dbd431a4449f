"""Registered versions and aliases at a glance: read from MLflow's SQLite database without importing mlflow.

A sensor looks every half minute, and a journey with nothing to do should not pay four seconds of imports. Every other
tracking URI is asked through the client. Reading only: `promotion` writes.
"""

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmmodels.tracking import open_client

_ALIASES = "select alias, version from registered_model_aliases where name = ?"
_TAGS = """
    select version, key, value from model_versions left join model_version_tags using (name, version)
    where name = ? and current_stage <> 'Deleted_Internal' order by version
"""
_EXPERIMENT = "select experiment_id from runs where run_uuid = ?"


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisteredModel:
    """One registered name: its aliases, and the tags of every version."""

    name: str
    aliases: dict[str, int] = field(default_factory=dict)
    tags: dict[int, dict[str, str]] = field(default_factory=dict)

    def version_of(self, run_key: str) -> int | None:
        """The newest version that was made from this training run."""
        found = [version for version, tags in self.tags.items() if tags.get("run_key") == run_key]
        return max(found, default=None)


def registered_model(name: str, *, tracking_uri: str) -> RegisteredModel:
    """What MLflow knows under a name; without aliases and versions where it knows nothing."""
    path = _database(tracking_uri)
    if path is None:
        return _ask(name, tracking_uri)
    tags: dict[int, dict[str, str]] = {}
    for version, key, value in _query(path, _TAGS, name):
        mine = tags.setdefault(int(version), {})
        if key is not None:
            mine[key] = value
    aliases = {alias: int(version) for alias, version in _query(path, _ALIASES, name)}
    return RegisteredModel(name=name, aliases=aliases, tags=tags)


def experiment_of(run_id: str, *, tracking_uri: str) -> str:
    """The experiment that a run belongs to: a part of its address in MLflow's UI; empty where there is no such run."""
    path = _database(tracking_uri)
    if path is None:
        return str(open_client(tracking_uri).get_run(run_id).info.experiment_id)
    return next((str(row[0]) for row in _query(path, _EXPERIMENT, run_id)), "")


def _database(tracking_uri: str) -> Path | None:
    prefix = "sqlite:///"
    return Path(tracking_uri.removeprefix(prefix)) if tracking_uri.startswith(prefix) else None


def _query(path: Path, sql: str, *values: str) -> list[tuple[Any, ...]]:
    """No rows where the database, or its tables, are not there yet."""
    if not path.is_file() or path.stat().st_size == 0:
        return []
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=20)) as connection:
        try:
            return connection.execute(sql, values).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise


def _ask(name: str, tracking_uri: str) -> RegisteredModel:
    client = open_client(tracking_uri)
    found = client.search_registered_models(f"name = '{name}'")
    aliases = {alias: int(version) for alias, version in found[0].aliases.items()} if found else {}
    versions = client.search_model_versions(f"name = '{name}'")
    return RegisteredModel(
        name=name, aliases=aliases, tags={int(version.version): dict(version.tags) for version in versions}
    )
