"""From a registered version to every id it came from, and from any such id back to the versions."""

from dataclasses import dataclass

from mmmodels.registry.promotion import aliases
from mmmodels.tracking import open_client

IDS = {
    "run_key": "run_key",
    "view_digest": "view_digest",
    "snapshot": "snapshot",
    "code_version": "code_version",
    "evaluation_digest": "evaluation_digest",
    "model_id": "model_id",
    "run_id": "run_id",
    "dagster_run_id": "dagster.run_id",
    "ray_submission_id": "ray.submission_id",
    "checkpoint_uri": "checkpoint_uri",
}
"""Our word for an id -> the tag that carries it on MLflow run, logged model and version."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionName:
    """A registered version."""

    name: str
    version: int


def links_of(tracking_uri: str, name: str, version: int) -> dict[str, str]:
    """Every id of a version that is known, and its aliases; what the version does not say, its run does."""
    client = open_client(tracking_uri)
    found = client.get_model_version(name, str(version))
    run = client.get_run(str(found.run_id))
    tags = {**run.data.tags, **found.tags}
    mine = sorted(alias for alias, number in aliases(name, tracking_uri=tracking_uri).items() if number == version)
    links = {word: tags[tag] for word, tag in IDS.items() if tag in tags}
    return links | {"name": name, "version": str(version), "aliases": " ".join(mine), "source": str(found.source)}


def find_versions(tracking_uri: str, **ids: str) -> list[VersionName]:
    """The versions that carry all the given ids (words of IDS, or `name`), newest first."""
    client = open_client(tracking_uri)
    columns = {"name": "name", **{word: f"tags.`{tag}`" for word, tag in IDS.items()}}
    query = " AND ".join(f"{columns[word]} = '{value}'" for word, value in ids.items())
    found = sorted(client.search_model_versions(query), key=lambda entry: entry.creation_timestamp, reverse=True)
    return [VersionName(name=entry.name, version=int(entry.version)) for entry in found]


def find_version(tracking_uri: str, **ids: str) -> VersionName | None:
    """The newest of `find_versions`, or None."""
    return next(iter(find_versions(tracking_uri, **ids)), None)
