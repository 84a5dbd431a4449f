"""The verb `verify`: every shard against its stats and sidecar."""

import argparse

from pipelines.errors import ShardError
from pipelines.layout import Layout
from pipelines.shards.snapshots import choose_snapshots
from pipelines.shards.verifying import verify


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `verify`."""
    parser.add_argument("--root", required=True, help="folder or URI that holds shards/")
    parser.add_argument("--corpus", help="only this corpus (default: all under the root)")
    parser.add_argument("--snapshot", help="only this snapshot of the corpus")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: %(default)s)")


def run(args: argparse.Namespace) -> dict[str, object]:
    """Samples by snapshot; `ShardError` that lists the first problems where there are any."""
    layout = Layout(args.root)
    reports = [
        verify(layout, snapshot, num_workers=args.workers)
        for snapshot in choose_snapshots(layout, corpus=args.corpus, snapshot=args.snapshot)
    ]
    problems = [problem for report in reports for problem in report.problems]
    if problems:
        more = f" And {len(problems) - 5} more." if len(problems) > 5 else ""
        raise ShardError(f"{len(problems)} problems. {' '.join(problems[:5])}{more}")
    return {
        "num_samples": sum(report.num_samples for report in reports),
        "num_samples_by_snapshot": {str(report.snapshot): report.num_samples for report in reports},
    }
