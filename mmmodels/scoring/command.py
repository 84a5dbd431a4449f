"""The verb `score`: vectors and alignment signals of snapshots, by one model or by two that are cross-fitted."""

import argparse
from dataclasses import asdict, replace
from typing import Any

from mmmodels.alignment.scoring import trained_on
from mmmodels.encoders.fetching import DEFAULT_CACHE
from mmmodels.errors import RecipeError
from mmmodels.recipes import RECIPES
from mmmodels.scoring.crossfitting import judges_of, train_pair
from mmmodels.scoring.finding import REGISTERED, Scorer, find_scorer, spread
from mmmodels.scoring.workers import embed_shard
from mmmodels.training.command import default_tracking_uri
from mmmodels.verbs import overrides
from pipelines.curation.views import find_view
from pipelines.layout import Layout
from pipelines.parallel import Place, RayCluster
from pipelines.samples import Snapshot
from pipelines.shards.snapshots import choose_snapshots
from pipelines.signals.alignment import AlignmentReport, Judge, score_alignment, score_by_cross_fitting


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `score`."""
    which = "bundle (folder or URI), models:/NAME@ALIAS, open_clip:NAME/TAG, open_clip:NAME/WEIGHTS, sentences"
    parser.add_argument("model", nargs="+", help=f"{which}; with --cross-fit two bundles or a recipe")
    parser.add_argument("--root", required=True, help="folder or URI that holds shards/ and signals/")
    parser.add_argument("--corpus", help="only this corpus (default: all under the root)")
    parser.add_argument("--snapshot", help="only this snapshot of the corpus")
    parser.add_argument("--workers", type=int, help="processes (default: one per core, or one for an accelerator)")
    parser.add_argument("--on", choices=("processes", "ray"), default="processes", help="where the workers are")
    parser.add_argument("--ray-address", help="a running cluster (default: one started here)")
    parser.add_argument("--gpus", type=float, default=0, help="of the cluster, for each worker (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 (default: %(default)s)")
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto", help="auto: bf16 on CUDA")
    parser.add_argument("--cache", default=DEFAULT_CACHE, help="folder for remote weights (default: %(default)s)")
    parser.add_argument("--tracking-uri", help="MLflow; default: mlflow/mlflow.db beside the root")
    fit = parser.add_argument_group("cross-fitting: each half scored by a model that was trained on the other")
    fit.add_argument("--cross-fit", action="store_true", help="two trainings where a recipe is given")
    fit.add_argument("--view", help="VIEW/DIGEST to train the recipe on")
    fit.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="e.g. training.num_steps=50")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Embed and score what is missing; reports by snapshot."""
    layout = Layout(args.root)
    snapshots = choose_snapshots(layout, corpus=args.corpus, snapshot=args.snapshot)
    judges, num_workers = _judges(args, layout)
    return {"snapshots": {str(one): _report(_score(args, layout, one, judges, num_workers)) for one in snapshots}}


def _judges(args: argparse.Namespace, layout: Layout) -> tuple[tuple[Judge, ...], int]:
    if args.workers is not None and args.workers < 1:
        raise RecipeError(f"--workers {args.workers}: expected 1 or more.")
    names = _bundles(args, layout)
    scorers = [_find(name, args, layout) for name in names]
    spreads = [spread(one.encoder, args.workers) for one in scorers]
    scorers = [replace(one, encoder=encoder) for one, (encoder, _) in zip(scorers, spreads, strict=True)]
    if args.cross_fit:
        return judges_of(scorers, layout), spreads[0][1]
    (only,) = scorers
    seen = trained_on(layout, only.provenance) if only.provenance else frozenset[str]()
    return (Judge(encoder=only.encoder, trained_on=seen),), spreads[0][1]


def _bundles(args: argparse.Namespace, layout: Layout) -> list[str]:
    """The models that are meant; a recipe is trained twice."""
    models: list[str] = args.model
    if not args.cross_fit:
        if len(models) != 1:
            raise RecipeError(
                f"{len(models)} models, expected 1. Two are for --cross-fit; else score with each in turn."
            )
        return models
    if len(models) == 1 and models[0] in RECIPES:
        if not args.view:
            raise RecipeError(f"--cross-fit {models[0]}: nothing to train on. Name a view with --view VIEW/DIGEST.")
        view, uri = find_view(layout, args.view), args.tracking_uri or default_tracking_uri(layout)
        return list(train_pair(models[0], overrides(args.set), layout=layout, view=view, tracking_uri=uri))
    if len(models) != 2:
        raise RecipeError(f"--cross-fit {' '.join(models)}: expected two bundles or one of {', '.join(RECIPES)}.")
    return models


def _find(model: str, args: argparse.Namespace, layout: Layout) -> Scorer:
    uri = args.tracking_uri or (default_tracking_uri(layout) if model.startswith(REGISTERED) else "")
    return find_scorer(model, tracking_uri=uri, cache=args.cache, device=args.device, precision=args.precision)


def _score(
    args: argparse.Namespace, layout: Layout, snapshot: Snapshot, judges: tuple[Judge, ...], num_workers: int
) -> AlignmentReport:
    on: Place | RayCluster = "processes"
    if args.on == "ray":
        on, num_workers = RayCluster(address=args.ray_address, num_gpus=args.gpus), args.workers or 0
    if len(judges) == 2:
        pair = (judges[0], judges[1])
        return score_by_cross_fitting(layout, snapshot, pair, num_workers=num_workers, on=on, work=embed_shard)
    encoder, seen = judges[0].encoder, judges[0].trained_on
    return score_alignment(layout, snapshot, encoder, trained_on=seen, num_workers=num_workers, on=on, work=embed_shard)


def _report(report: AlignmentReport) -> dict[str, Any]:
    efforts = {
        name: asdict(effort)
        | {"per_worker_second": round(effort.num_vectors / effort.seconds, 1) if effort.seconds else 0}
        for name, effort in report.efforts.items()
    }
    return asdict(report) | {"seconds": round(report.seconds, 3), "efforts": efforts}
