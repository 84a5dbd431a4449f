"""The verb `pack --erase`: rewrites the tars that hold withdrawn samples, and nothing else."""

import argparse
import time
from dataclasses import asdict

from pipelines.curation.erasing import erase, pending_erasures
from pipelines.layout import Layout


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `pack --erase`."""
    parser.add_argument("--erase", action="store_true", required=True, help="take out what was forgotten")
    parser.add_argument("--root", required=True, help="folder or URI that holds shards/")
    parser.add_argument(
        "--corpus", action="append", default=[], help="only this one, in all its snapshots; may be given again"
    )
    parser.add_argument("--dry-run", action="store_true", help="only list the tars that would be rewritten")


def run(args: argparse.Namespace) -> dict[str, object]:
    """What was rewritten and removed, and what lies outside of the root."""
    layout = Layout(args.root)
    if args.dry_run:
        pending = pending_erasures(layout, corpora=args.corpus)
        return {"dry_run": True, "num_samples": sum(pending.values()), "num_shards": len(pending), "shards": pending}
    start = time.monotonic()
    return {**asdict(erase(layout, corpora=args.corpus)), "seconds": time.monotonic() - start}
