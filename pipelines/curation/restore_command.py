"""The verb `restore`: an old digest of a view is the current one again."""

import argparse
from dataclasses import asdict

from pipelines.curation.restoring import restore
from pipelines.layout import Layout


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `restore`."""
    parser.add_argument("--root", required=True, help="folder or URI that holds views/")
    parser.add_argument("view", metavar="VIEW/DIGEST", help="a beginning of the digest is enough; see the verb views")


def run(args: argparse.Namespace) -> dict[str, object]:
    """What is current now, what was before, and what had to be written again."""
    report = asdict(restore(Layout(args.root), args.view))
    return report if args.json else {name: value for name, value in report.items() if value not in ([], 0, None)}
