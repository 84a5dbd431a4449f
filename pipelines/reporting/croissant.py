"""The same view for machines: Croissant 1.1 of MLCommons, JSON-LD over schema.org with every file and its sha256.

Specification: mlcommons.org/croissant/1.1. A view copies nothing, so the files are those of its snapshots (tars and
their sidecars) and its verdicts; which records are kept is the field `verdicts/kept`, and `uid` joins everything.
"""

import json
import re
from datetime import UTC, datetime

from pipelines import storage
from pipelines.curation.views import View
from pipelines.reporting.croissant_files import Node, distribution_of, record_sets
from pipelines.reporting.funnel import kept_by

VERSION = "http://mlcommons.org/croissant/1.1"
_MAX_NAMED = 50
_SPDX = re.compile(
    r"(CC|MIT|Apache|[AL]?GPL|BSD|ODbL|ODC|PDDL|MPL|ISC|Unlicense|GFDL|OFL|Artistic|EUPL)[A-Za-z0-9.+-]*"
)


def croissant_of(view: View, *, folder: str) -> Node:
    """The description as JSON-LD; places of files are relative to `folder`, which will hold it, where they can be."""
    funnel = [row for row in view.funnel().to_pylist() if row["section"] != "all"]
    made = made_at(view)
    manifest = view.manifest
    parts = {part for name in _kept_values(funnel, "modalities") for part in name.split("+")}
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": VERSION,
        "name": f"{view.view}-{view.digest[:12]}",
        "description": f"{manifest['num_kept']:,} of {manifest['num_samples']:,} samples of "
        f"{', '.join(map(str, view.snapshots))}, kept by the policy {manifest['policy']['name']}. "
        f"{manifest['policy']['description']}".strip(),
        "license": [_license(name) for name in _kept_values(funnel, "license")] or ["unknown"],
        "url": f"urn:sha256:{view.digest}",
        "creator": [{"@type": "sc:Organization", "name": name} for name in _kept_values(funnel, "source")],
        "datePublished": made.date().isoformat(),
        "dateCreated": made.isoformat(timespec="seconds"),
        "version": f"1.0.0+{view.digest[:12]}",
        "citeAs": _citation(view, made),
        "inLanguage": _kept_values(funnel, "language"),
        "keywords": ["curated", *sorted(parts)],
        "distribution": list(distribution_of(view, folder)),
        "recordSet": record_sets(),
    }


def croissant_json(view: View, *, folder: str) -> bytes:
    """The same as a file's bytes; `<`, `>` and `&` are written as escapes, so that it may also stand in a page."""
    text = json.dumps(croissant_of(view, folder=folder), indent=1)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode()


def made_at(view: View) -> datetime:
    """When the view was finished; now where it is about to be."""
    uri = f"{view.uri}/view.json"
    if not storage.exists(uri):
        return datetime.now(UTC)
    filesystem, path = storage.filesystem_of(uri)
    found: datetime = filesystem.modified(path)
    return found.astimezone(UTC)


def _kept_values(funnel: list[Node], part: str) -> list[str]:
    """Those that have kept samples, the most frequent first."""
    numbers = {value: kept for value, (_, kept) in kept_by(funnel, part).items() if kept and value}
    return sorted(numbers, key=lambda value: (-numbers[value], value))[:_MAX_NAMED]


def _license(name: str) -> str | Node:
    """A URL where there is one for the name, else the name as a work."""
    if _SPDX.fullmatch(name):
        return f"https://spdx.org/licenses/{name}.html"
    return name if name.startswith(("https://", "http://")) else {"@type": "sc:CreativeWork", "name": name}


def _citation(view: View, made: datetime) -> str:
    plain = re.compile(r"[^\w ./:,-]")
    over = plain.sub("", ", ".join(map(str, view.snapshots)))
    return (
        f"@misc{{{view.view}-{view.digest[:12]}, title = {{{view.view}: a view of {over}}}, year = {{{made.year}}}, "
        f"note = {{sha256 {view.digest}}}}}"
    )


_OWN_NAMES = (
    "arrayShape citeAs column containedIn equivalentProperty extract field fileObject fileProperty fileSet format "
    "includes isArray isLiveDataset jsonPath key md5 parentField path recordSet references regex repeated replace "
    "samplingRate separator source subField transform"
)
_CONTEXT: Node = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    **{name: f"cr:{name}" for name in _OWN_NAMES.split()},
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
}
"""Of the specification, whole: a reader warns of any other."""
