"""The verb `labels`: a label file into the root, under the digest that a recipe names."""

import argparse
from pathlib import Path
from typing import Any

from mmmodels.tasks.labelling import store_labels
from mmmodels.verbs import add_view_arguments, the_view
from pipelines.layout import Layout


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `labels`."""
    parser.add_argument("file", type=Path, help=".csv or .parquet of two columns: one of the view's, and label")
    add_view_arguments(parser)


def run(args: argparse.Namespace) -> dict[str, Any]:
    """The digest for `--set fusion.labels=DIGEST`, and how much of the view has a label."""
    return store_labels(args.file, layout=Layout(args.root), view=the_view(args))
