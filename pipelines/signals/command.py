"""The verb `measure`: signals of one snapshot, or of every snapshot under a root."""

import argparse
from dataclasses import asdict

from pipelines.layout import Layout
from pipelines.shards.snapshots import choose_snapshots
from pipelines.signals.measuring import measure
from pipelines.signals.schema import FAMILIES, ON_REQUEST


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `measure`."""
    parser.add_argument("--root", required=True, help="folder or URI that holds shards/ and signals/")
    parser.add_argument("--corpus", help="only this corpus (default: all under the root)")
    parser.add_argument("--snapshot", help="only this snapshot of the corpus")
    which = f"default: {' '.join(FAMILIES)}; on request: {' '.join(ON_REQUEST)}"
    parser.add_argument("--signals", nargs="+", metavar="FAMILY", default=list(FAMILIES), help=which)
    parser.add_argument("--workers", type=int, default=0, help="processes; 0 is one per core (default: %(default)s)")
    parser.add_argument("--on", choices=("processes", "ray"), default="processes", help="where workers are")
    parser.add_argument("--ray-address", help="of a Ray cluster (default: the one of this machine)")


def run(args: argparse.Namespace) -> dict[str, object]:
    """Measure what is missing; reports by snapshot."""
    layout = Layout(args.root)
    reports: dict[str, object] = {}
    for snapshot in choose_snapshots(layout, corpus=args.corpus, snapshot=args.snapshot):
        report = measure(
            layout,
            snapshot,
            families=args.signals,
            num_workers=args.workers,
            on=args.on,
            ray_address=args.ray_address,
        )
        reports[str(snapshot)] = {
            "num_samples": report.num_samples,
            "num_shards": report.num_shards,
            "seconds": round(report.seconds, 3),
            "families": {name: asdict(family) for name, family in report.families.items()},
        }
    return {"snapshots": reports}
