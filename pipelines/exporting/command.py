"""The verb `export`: a snapshot, or a view of it, as foreign readers want it."""

import argparse
from collections.abc import Callable

from pipelines.curation.views import find_view
from pipelines.errors import PolicyError, ShardError
from pipelines.exporting.datacomp import export_datacomp
from pipelines.exporting.energon import export_energon
from pipelines.exporting.huggingface import export_huggingface
from pipelines.exporting.open_clip import export_open_clip
from pipelines.exporting.selecting import Selection, absolute
from pipelines.exporting.wids import export_wids
from pipelines.layout import Layout
from pipelines.shards.snapshots import choose_snapshots

FORMATS: dict[str, Callable[[Selection, str], dict[str, object]]] = {
    "open_clip": export_open_clip,
    "wids": export_wids,
    "energon": export_energon,
    "datacomp": export_datacomp,
    "huggingface": export_huggingface,
}
_BY_SAMPLE = ("energon", "datacomp")
"""Formats that can name single samples; the others mean whole shards."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `export`."""
    parser.add_argument("--root", required=True, help="folder or URI that holds shards/")
    parser.add_argument("--corpus", help="default: the only one")
    parser.add_argument("--snapshot", help="default: the only one of the corpus")
    parser.add_argument("--view", help=f"only what this view keeps, as view/digest; with {' or '.join(_BY_SAMPLE)}")
    parser.add_argument("--format", required=True, choices=tuple(FORMATS), help="who is to read it")
    parser.add_argument("--output", required=True, help="folder or URI that gets the files")


def run(args: argparse.Namespace) -> dict[str, object]:
    """Write the export; what it came to."""
    if args.view and args.format not in _BY_SAMPLE:
        raise PolicyError(
            f"--format {args.format}: names whole shards, so it cannot leave out what view {args.view} drops. "
            f"Leave --view out, or take one of: {', '.join(_BY_SAMPLE)}."
        )
    layout = Layout(args.root)
    selection = select_view(layout, args.view) if args.view else select_snapshot(layout, args.corpus, args.snapshot)
    output = absolute(args.output.rstrip("/"))
    return {"snapshot": str(selection.snapshot), **FORMATS[args.format](selection, output), "output": output}


def select_snapshot(layout: Layout, corpus: str | None = None, snapshot: str | None = None) -> Selection:
    """`ShardError` where not exactly one snapshot is meant."""
    found = choose_snapshots(layout, corpus=corpus, snapshot=snapshot)
    if len(found) > 1:
        listed = ", ".join(str(one) for one in found)
        raise ShardError(f"{layout.root}: holds {listed}. Name one of these with --corpus and --snapshot.")
    return Selection(layout=layout, snapshot=found[0])


def select_view(layout: Layout, name: str) -> Selection:
    """What a stored view keeps of its snapshot."""
    view = find_view(layout, name)
    rows = view.verdicts(["uid", "kept", "split"]).to_pylist()
    splits = {row["uid"]: row["split"] for row in rows if row["kept"]}
    if len(view.snapshots) > 1:
        raise PolicyError(f"view {name}: is over {len(view.snapshots)} snapshots. Curate one view for each of them.")
    return Selection(layout=layout, snapshot=view.snapshots[0], splits=splits)
