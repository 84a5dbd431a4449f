"""The verb `lineage`: from a registered version to every id it came from."""

import argparse
from typing import Any

from mmmodels.errors import GateError
from mmmodels.registry.lineage import IDS, find_versions, links_of
from mmmodels.training.command import default_tracking_uri
from pipelines.layout import Layout


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `lineage`."""
    parser.add_argument("id", help="NAME/VERSION, or KIND=VALUE with a kind of: " + ", ".join(sorted(IDS)))
    parser.add_argument("--root", required=True)
    parser.add_argument("--tracking-uri", help="MLflow; default: mlflow/mlflow.db beside the root")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """The ids of one version, or of all versions that carry an id."""
    uri = args.tracking_uri or default_tracking_uri(Layout(args.root))
    if "=" not in args.id:
        name, _, version = args.id.rpartition("/")
        if not name or not version.isdigit():
            raise GateError(f"{args.id}: expected NAME/VERSION or KIND=VALUE. Write e.g. aligner/1 or run_key=...")
        return dict(links_of(uri, name, int(version)))
    kind, _, value = args.id.partition("=")
    if kind not in IDS:
        raise GateError(f"{kind}: not a kind of id. There are: {', '.join(sorted(IDS))}.")
    found = find_versions(uri, **{kind: value})
    return {f"{item.name}/{item.version}": links_of(uri, item.name, item.version) for item in found}
