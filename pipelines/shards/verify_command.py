"""The verb `verify`: every shard against its stats, sidecar and plan; with --repair what is broken is removed."""

import argparse
from collections.abc import Sequence

from pipelines.errors import ShardError
from pipelines.layout import Layout
from pipelines.shards.snapshots import choose_snapshots
from pipelines.shards.verifying import VerifyReport, contradictions, repair, verify


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `verify`."""
    parser.add_argument("--root", required=True, help="folder or URI that holds shards/")
    parser.add_argument("--corpus", help="only this corpus (default: all under the root)")
    parser.add_argument("--snapshot", help="only this snapshot of the corpus")
    parser.add_argument("--workers", type=int, default=2, help="processes; 0 is one per core (default: %(default)s)")
    parser.add_argument(
        "--repair", action="store_true", help="remove shards that do not verify, so that pack builds them again"
    )


def run(args: argparse.Namespace) -> dict[str, object]:
    """Samples by snapshot; `ShardError` that lists the first problems where there are any."""
    layout = Layout(args.root)
    reports, problems = [], []
    for snapshot in choose_snapshots(layout, corpus=args.corpus, snapshot=args.snapshot):
        try:
            reports.append(verify(layout, snapshot, num_workers=args.workers))
        except ShardError as error:  # its plan cannot be read: the other snapshots are looked at all the same
            problems.append(str(error))
    problems += [*(problem for report in reports for problem in report.problems), *contradictions(reports)]
    if problems and not args.repair:
        raise ShardError(_told(problems))
    found: dict[str, object] = {
        "num_samples": sum(report.num_samples for report in reports),
        "num_samples_by_snapshot": {str(report.snapshot): report.num_samples for report in reports},
    }
    return found | (_repaired(layout, reports, problems) if args.repair else {})


def _repaired(layout: Layout, reports: Sequence[VerifyReport], problems: Sequence[str]) -> dict[str, object]:
    """What was removed and what to run next; `ShardError` where removing mends nothing."""
    removed = [uri for report in reports if report.removable for uri in repair(layout, report)]
    incomplete = dict.fromkeys(report.snapshot.corpus for report in reports if report.removable or report.num_missing)
    if problems and not incomplete:
        raise ShardError(f"Nothing that --repair could remove. {_told(problems)}")
    commands = [f"python -m pipelines pack --root {layout.root} --corpus {corpus}" for corpus in incomplete]
    return {"num_problems": len(problems), "removed": removed, "next": "; ".join(commands)}


def _told(problems: Sequence[str]) -> str:
    more = f" And {len(problems) - 5} more." if len(problems) > 5 else ""
    return f"{len(problems)} problems. {' '.join(problems[:5])}{more}"
