"""The verb `train`: a recipe over a view."""

import argparse
from dataclasses import asdict

from mmmodels.recipes import RECIPES, find_recipe
from mmmodels.tracking import local_tracking_uri
from mmmodels.verbs import add_view_arguments, overrides, the_view
from pipelines.errors import StorageError
from pipelines.layout import Layout
from pipelines.storage import is_local, local_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `train`."""
    parser.add_argument("recipe", choices=sorted(RECIPES), help="what to train")
    add_view_arguments(parser)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="e.g. training.num_steps=50")
    parser.add_argument("--workers", type=int, help="Ray Train workers; 0 trains in this process")
    parser.add_argument("--parent", help="bundle of the aligner to start from (fine-tuning recipes)")
    parser.add_argument("--tracking-uri", help="MLflow; default: mlflow/mlflow.db beside the root")


def run(args: argparse.Namespace) -> dict[str, object]:
    """Train, or go on, or find the finished run; its manifest without the curve."""
    settings = overrides(args.set) | ({"training.num_workers": str(args.workers)} if args.workers is not None else {})
    view = the_view(args)
    result = train_view(args, settings, Layout(args.root), view.view, view.digest)
    del result["curve"]
    return result


def train_view(
    args: argparse.Namespace, settings: dict[str, str], layout: Layout, view: str, view_digest: str
) -> dict[str, object]:
    """The manifest of the run, from arguments."""
    from mmmodels.training.launch import train

    result = train(
        find_recipe(args.recipe, settings),
        layout=layout,
        view=view,
        view_digest=view_digest,
        tracking_uri=args.tracking_uri or default_tracking_uri(layout),
        parent_bundle=args.parent,
    )
    return asdict(result)


def default_tracking_uri(layout: Layout) -> str:
    """The database beside a local root; a remote root has none beside it."""
    if not is_local(layout.root):
        raise StorageError(f"{layout.root}: no MLflow database can stand beside it. Name one with --tracking-uri.")
    return local_tracking_uri(local_path(layout.root).resolve().parent / "mlflow")
