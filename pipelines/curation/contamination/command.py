"""The verb `evaluation-sets`: which views nothing may be trained on, and whether a stored view keeps to it."""

import argparse
import time
from collections import Counter
from dataclasses import asdict

from pipelines.curation.contamination.declaring import EvaluationSet, declare, declared_sets, undeclare
from pipelines.curation.contamination.finding import NUM_EXAMPLES, check_contamination
from pipelines.curation.views import find_view
from pipelines.layout import Layout


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `evaluation-sets`."""
    parser.add_argument("--root", required=True, help="folder or URI that holds views/")
    parser.add_argument(
        "--declare", action="append", default=[], metavar="VIEW", help="as view or view/digest; may be given again"
    )
    parser.add_argument(
        "--split", action="append", default=[], help="only this split of what is declared (default: all it keeps)"
    )
    parser.add_argument("--undeclare", action="append", default=[], metavar="VIEW", help="as view or view/digest")
    parser.add_argument("--check", metavar="VIEW", help="what a stored view keeps to train on that a declared one asks")


def run(args: argparse.Namespace) -> dict[str, object]:
    """What is declared afterwards; the hits of the view that was to be checked."""
    layout = Layout(args.root)
    for name in args.undeclare:
        undeclare(layout, name)
    for name in args.declare:
        declare(layout, name, splits=args.split)
    told: dict[str, object] = {"evaluation_sets": [_row(one) for one in declared_sets(layout)]}
    return told | (_checked(layout, args.check) if args.check else {})


def _checked(layout: Layout, name: str) -> dict[str, object]:
    view = find_view(layout, name)
    hits = check_contamination(view)
    return {
        "view": f"{view.view}/{view.digest}",
        "is_clean": not hits,
        "num_samples": len({hit.uid for hit in hits}),
        "num_by_reason": dict(Counter(hit.reason for hit in hits)),
        "examples": [asdict(hit) for hit in hits[:NUM_EXAMPLES]],
    }


def _row(one: EvaluationSet) -> dict[str, object]:
    declared = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(one.declared_at))
    return {"view": f"{one.view}/{one.digest}", "splits": " ".join(one.splits) or "all", "declared": f"{declared} UTC"}
