"""The verb `show`: the data card of a stored view as one HTML file, and beside it the same for machines: Croissant."""

import argparse
from pathlib import Path

from pipelines import storage
from pipelines.curation.views import find_view
from pipelines.layout import Layout
from pipelines.reporting.card import MAX_PAGE_BYTES, card_of
from pipelines.reporting.croissant import croissant_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `show`."""
    parser.add_argument("--root", required=True, help="folder or URI that holds views/")
    parser.add_argument("--view", required=True, help="view, or view/digest where several are stored")
    parser.add_argument("--output", type=Path, default=Path("card.html"), help="default: %(default)s")
    parser.add_argument(
        "--max-megabytes",
        type=float,
        default=MAX_PAGE_BYTES / 1e6,
        help="pictures and clips are left out once the page would be larger (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> dict[str, object]:
    """Make the card anew, from what is stored and withdrawn today."""
    view = find_view(Layout(args.root), args.view)
    html = card_of(view, page_bytes=int(args.max_megabytes * 1e6)).encode()
    storage.write_atomic(str(args.output), html)
    beside = args.output.with_suffix(".croissant.json")
    storage.write_atomic(str(beside), croissant_json(view, folder=str(args.output.parent)))
    return {
        "view": f"{view.view}/{view.digest}",
        "output": str(args.output),
        "croissant": str(beside),
        "num_bytes": len(html),
    }
