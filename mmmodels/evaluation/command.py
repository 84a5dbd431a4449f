"""The verb `evaluate`: a bundle on what a view holds out."""

import argparse
from typing import Any

from mmmodels.evaluation.reports import GROUPS, evaluate
from mmmodels.verbs import add_view_arguments, the_view
from pipelines.layout import Layout


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `evaluate`."""
    parser.add_argument("model", help="folder of a bundle, e.g. ROOT/checkpoints/RUN_KEY/bundle")
    add_view_arguments(parser)
    parser.add_argument(
        "--group",
        action="append",
        metavar="COLUMN",
        help="of the view, e.g. voice: who is served worse? may be given again (default: language)",
    )


def run(args: argparse.Namespace) -> dict[str, Any]:
    """One line a metric: value, 95 % interval, chance; the whole report lies at `uri`."""
    view = the_view(args)
    groups = args.group or GROUPS
    report = evaluate(args.model, layout=Layout(args.root), view=view.view, view_digest=view.digest, groups=groups)
    if args.json:
        return report
    lines = {
        name: f"{m['value']:.3f} [{m['low']:.3f}, {m['high']:.3f}] of {m['n']}, chance {m['chance']:.3f}"
        for name, m in report["metrics"].items()
    }
    return {"uri": report["uri"], **lines}
