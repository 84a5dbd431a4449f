"""The verb `promote`: the gate, then the alias; or one step back."""

import argparse
import getpass
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mmmodels.errors import GateError
from mmmodels.evaluation.reports import GROUPS, evaluate
from mmmodels.registry.export import fetch_bundle
from mmmodels.registry.gate import Ceiling, Evidence, GateConfig, judge, read_evidence
from mmmodels.registry.glance import registered_model
from mmmodels.registry.promotion import CHAMPION, Actor, promote, rollback
from mmmodels.training.command import default_tracking_uri
from mmmodels.verbs import overrides
from pipelines.curation.contamination import check_leakage
from pipelines.curation.views import open_view
from pipelines.layout import Layout
from pipelines.storage import exists, read_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `promote`."""
    parser.add_argument("name", help="registered model, e.g. aligner")
    parser.add_argument("--root", required=True, help="folder or URI that holds views/ and checkpoints/")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--version", type=int, help="the version that is to become champion")
    what.add_argument("--rollback", action="store_true", help="make the previous champion the champion again")
    parser.add_argument(
        "--ceiling",
        action="append",
        default=[],
        metavar="METRIC=VALUE",
        help="refuse above it, e.g. 'bias/language/worst_group_gap=0.2'; * stands for anything; may be given again",
    )
    parser.add_argument("--group", action="append", metavar="COLUMN", help="of the view, that bias is looked for in")
    parser.add_argument("--why", default="by hand", help="for the audit row (default: %(default)s)")
    parser.add_argument("--tracking-uri", help="MLflow; default: mlflow/mlflow.db beside the root")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """The move that was made, or that there was nothing to do; GateError names the rules that failed."""
    layout = Layout(args.root)
    uri = args.tracking_uri or default_tracking_uri(layout)
    actor = Actor(who=getpass.getuser(), why=args.why)
    if args.rollback:
        return asdict(rollback(args.name, tracking_uri=uri, layout=layout, actor=actor))
    versions = registered_model(args.name, tracking_uri=uri)
    if args.version not in versions.tags:
        known = ", ".join(map(str, sorted(versions.tags))) or "none"
        raise GateError(f"{args.name}: no version {args.version}. There are: {known}.")
    bundle = bundle_of(versions.tags[args.version], tracking_uri=uri)
    provenance = read_json(f"{bundle}/provenance.json")
    groups = args.group or GROUPS
    challenger = _evidence(layout, bundle, provenance, groups)
    champion, standing = versions.aliases.get(CHAMPION), None
    if champion is not None:
        standing = _evidence(layout, bundle_of(versions.tags[champion], tracking_uri=uri), provenance, groups)
    verdict = judge(challenger, standing, config=GateConfig(ceilings=_ceilings(args.ceiling)))
    move = promote(args.name, args.version, verdict, tracking_uri=uri, layout=layout, actor=actor)
    return asdict(move) if move else {"name": args.name, "version": args.version, "done": "is champion already"}


def bundle_of(tags: dict[str, str], *, tracking_uri: str) -> str:
    """A version's weights: its checkpoint, or the copy in MLflow where that is gone."""
    bundle = tags.get("checkpoint_uri", "")
    if bundle and exists(f"{bundle}/provenance.json"):
        return bundle
    return str(fetch_bundle(tags["model_id"], tracking_uri=tracking_uri))


def _evidence(layout: Layout, bundle: str, asked: dict[str, Any], groups: Sequence[str]) -> Evidence:
    """The report of a bundle on the challenger's view, made now where it is missing."""
    view, digest = str(asked["view"]), str(asked["view_digest"])
    report = evaluate(str(Path(bundle)), layout=layout, view=view, view_digest=digest, groups=groups)
    leaks = [str(leak) for leak in check_leakage(open_view(layout, view, digest))]
    return read_evidence(str(report["uri"]), provenance=read_json(f"{bundle}/provenance.json"), leaks=leaks)


def _ceilings(pairs: Sequence[str]) -> tuple[Ceiling, ...]:
    """Of METRIC=VALUE; a dot may stand for a slash."""
    found = []
    for metrics, value in overrides(list(pairs), "--ceiling").items():
        try:
            found.append(Ceiling(metrics=metrics.replace(".", "/"), at_most=float(value)))
        except ValueError as error:
            raise GateError(f"--ceiling {metrics}={value}: expected a number behind =. Write one.") from error
    return tuple(found)
