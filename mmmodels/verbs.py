"""What the model verbs share: which view is meant, and typed settings."""

import argparse

from mmmodels.errors import RecipeError
from pipelines.curation.views import View, find_view
from pipelines.layout import Layout


def add_view_arguments(parser: argparse.ArgumentParser) -> None:
    """--root and --view."""
    parser.add_argument("--root", required=True, help="folder or URI that holds views/")
    parser.add_argument(
        "--view", required=True, help="VIEW/DIGEST, of which a beginning is enough, or a name: its current one"
    )


def add_mixture_arguments(parser: argparse.ArgumentParser) -> None:
    """--root and any number of --view."""
    parser.add_argument("--root", required=True, help="folder or URI that holds views/")
    parser.add_argument(
        "--view",
        required=True,
        action="append",
        metavar="VIEW[/DIGEST][=W]",
        help="may be repeated; W readings of each of its samples in an epoch (default 1)",
    )


def the_view(args: argparse.Namespace) -> View:
    """The stored view that the arguments name."""
    return find_view(Layout(args.root), args.view)


def overrides(pairs: list[str], option: str = "--set") -> dict[str, str]:
    """KEY=VALUE arguments as a dictionary."""
    for pair in pairs:
        if "=" not in pair:
            raise RecipeError(f"{option} {pair}: expected KEY=VALUE, e.g. training.num_steps=50. Write it that way.")
    return dict(pair.split("=", 1) for pair in pairs)
