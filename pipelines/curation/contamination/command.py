"""The verb `evaluation-sets`: which views nothing may be trained on, and whether a stored view keeps to it."""

import argparse
import time

from pipelines.curation.contamination.checking import contaminated_in
from pipelines.curation.contamination.declaring import EvaluationSet, declare, declared_sets, undeclare
from pipelines.curation.contamination.finding import NUM_EXAMPLES
from pipelines.curation.queries import run_sql
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
    hits = contaminated_in(view)
    counts = run_sql("contamination_counts", hits=hits).to_pylist()
    first = run_sql("contamination_examples", hits=hits, params={"num_examples": NUM_EXAMPLES}).to_pylist()
    return {
        "view": f"{view.view}/{view.digest}",
        "is_clean": not len(hits),
        "num_samples": counts[0]["num_samples"],
        "num_by_reason": {row["name"]: row["num_samples"] for row in counts if row["by"] == "reason"},
        "num_by_set": {row["name"]: row["num_samples"] for row in counts if row["by"] == "set"},
        "examples": first,
    }


def _row(one: EvaluationSet) -> dict[str, object]:
    declared = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(one.declared_at))
    return {"view": f"{one.view}/{one.digest}", "splits": " ".join(one.splits) or "all", "declared": f"{declared} UTC"}
