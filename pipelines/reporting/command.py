"""The verb `show`: the data card of a stored view as one HTML file."""

import argparse
from pathlib import Path

from pipelines import storage
from pipelines.curation.views import find_view
from pipelines.layout import Layout
from pipelines.reporting.card import card_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `show`."""
    parser.add_argument("--root", required=True, help="folder or URI that holds views/")
    parser.add_argument("--view", required=True, help="view, or view/digest where several are stored")
    parser.add_argument("--output", type=Path, default=Path("card.html"), help="default: %(default)s")


def run(args: argparse.Namespace) -> dict[str, object]:
    """Make the card anew, from what is stored today."""
    view = find_view(Layout(args.root), args.view)
    html = card_of(view).encode()
    storage.write_atomic(str(args.output), html)
    return {"view": f"{view.view}/{view.digest}", "output": str(args.output), "num_bytes": len(html)}
