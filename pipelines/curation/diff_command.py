"""The verb `diff`: what changed between two stored views."""

import argparse

from pipelines.curation.diffing import diff
from pipelines.curation.views import find_view
from pipelines.layout import Layout


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `diff`."""
    parser.add_argument("--root", required=True, help="folder or URI that holds views/")
    parser.add_argument("old", metavar="VIEW_A", help="view/digest; a beginning of the digest is enough")
    parser.add_argument("new", metavar="VIEW_B", help="view/digest; a beginning of the digest is enough")


def run(args: argparse.Namespace) -> dict[str, object]:
    """Counts of kept, added and removed, and the largest changes by cause, language and source."""
    layout = Layout(args.root)
    old, new = find_view(layout, args.old), find_view(layout, args.new)
    found = diff(old, new)
    return {
        "old": f"{old.view}/{old.digest}",
        "new": f"{new.view}/{new.digest}",
        "num_kept_by_both": found.num_kept_by_both,
        "num_moved": found.num_moved,
        "num_added": found.num_added,
        "num_removed": found.num_removed,
        "added_by_cause": found.by("added", "cause"),
        "removed_by_cause": found.by("removed", "cause"),
        "added_by_language": found.by("added", "language"),
        "removed_by_language": found.by("removed", "language"),
        "added_by_source": found.by("added", "source"),
        "removed_by_source": found.by("removed", "source"),
    }
