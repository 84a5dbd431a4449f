"""The verb `train`: a recipe over one view or several."""

import argparse
from dataclasses import asdict

from mmmodels.preparing.mixing import open_mixture
from mmmodels.recipes import RECIPES, find_recipe
from mmmodels.tracking import local_tracking_uri
from mmmodels.verbs import add_mixture_arguments, overrides
from pipelines.errors import StorageError
from pipelines.layout import Layout
from pipelines.storage import is_local, local_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `train`."""
    parser.add_argument("recipe", choices=sorted(RECIPES), help="what to train")
    add_mixture_arguments(parser)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="e.g. training.num_steps=50")
    parser.add_argument("--workers", type=int, help="Ray Train workers; 0 trains in this process")
    parser.add_argument("--parent", help="bundle of the aligner to start from (fine-tuning recipes)")
    parser.add_argument("--tracking-uri", help="MLflow; default: mlflow/mlflow.db beside the root")


def run(args: argparse.Namespace) -> dict[str, object]:
    """Train, or go on, or find the finished run; its manifest without the curve."""
    settings = overrides(args.set) | ({"training.num_workers": str(args.workers)} if args.workers is not None else {})
    recipe, layout = find_recipe(args.recipe, settings), Layout(args.root)
    mixture, tracking_uri = open_mixture(layout, args.view), args.tracking_uri or default_tracking_uri(layout)
    from mmmodels.training.launch import train_mixture

    result = asdict(train_mixture(recipe, mixture, tracking_uri=tracking_uri, parent_bundle=args.parent))
    del result["curve"]
    return result


def default_tracking_uri(layout: Layout) -> str:
    """The database beside a local root; a remote root has none beside it."""
    if not is_local(layout.root):
        raise StorageError(f"{layout.root}: no MLflow database can stand beside it. Name one with --tracking-uri.")
    return local_tracking_uri(local_path(layout.root).resolve().parent / "mlflow")
