"""The verb `tune`: the settings of a recipe that are best on a view, found by many runs of which few go to the end."""

import argparse
from typing import Any

from mmmodels.errors import RecipeError
from mmmodels.preparing.mixing import open_mixture
from mmmodels.recipes import RECIPES
from mmmodels.searching.search import LOSS, Search, table_of
from mmmodels.searching.space import FORMS, parse
from mmmodels.searching.trials import Trial, best_of
from mmmodels.tracking import Tracker
from mmmodels.training.command import default_tracking_uri
from mmmodels.verbs import add_mixture_arguments, overrides
from pipelines.layout import Layout
from pipelines.parallel import num_cores
from pipelines.storage import read_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `tune`."""
    parser.add_argument("recipe", choices=sorted(RECIPES), help="what to train")
    add_mixture_arguments(parser)
    parser.add_argument(
        "--search", action="append", required=True, metavar="KEY=FORM", help=f"FORM is {', '.join(FORMS)}; repeat"
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="the same for every trial")
    parser.add_argument("--trials", type=int, default=8, help="at most (default 8); more of them go on from fewer")
    parser.add_argument("--metric", default=LOSS, help="reported at checkpoints (default: %(default)s)")
    parser.add_argument("--mode", choices=("min", "max"), default="min", help="which end is better (default min)")
    parser.add_argument("--seed", type=int, default=0, help="of the settings that are tried")
    parser.add_argument("--reduction", type=int, default=3, help="one trial in so many passes a rung (default 3)")
    parser.add_argument("--cpus-per-trial", type=int, default=1, help="default 1")
    parser.add_argument("--at-once", type=int, help="trials at a time; default: as the cores allow")
    parser.add_argument("--workers", type=int, default=0, help="Ray Train workers of each trial; default: its process")
    parser.add_argument("--parent", help="bundle of the aligner to start from (fine-tuning recipes)")
    parser.add_argument("--tracking-uri", help="MLflow; default: mlflow/mlflow.db beside the root")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """The trials as a table, and the settings of the best one as --set takes them."""
    _check(args)
    layout = Layout(args.root)
    search = Search(
        recipe=args.recipe,
        overrides={"training.num_workers": str(args.workers), **overrides(args.set)},
        dimensions=tuple(parse(text) for text in args.search),
        mixture=open_mixture(layout, args.view),
        num_trials=args.trials,
        metric=args.metric,
        mode=args.mode,
        seed=args.seed,
        reduction=args.reduction,
        parent_bundle=args.parent,
    )
    tracking_uri = args.tracking_uri or default_tracking_uri(layout)
    trials = search.trials(parent=_digest(args.parent))
    num_at_once = args.at_once or max(1, num_cores() // args.cpus_per_trial)
    tracker = _tracked(search, tracking_uri, dict(text.partition("=")[::2] for text in args.search))
    _run(search, trials, tracker, num_at_once=min(num_at_once, len(trials)), num_cpus=args.cpus_per_trial)
    best = best_of(trials, search.mode)
    _tell(tracker, trials, best, search.metric)
    if best is None:
        raise RecipeError(f"search {search.key}: no trial reported {search.metric}. The first says: {trials[0].error}")
    return {
        "search": search.key,
        "trials": table_of(trials, best, search.metric),
        "best": " ".join(f"--set {name}={value}" for name, value in best.settings.items()),
        "mlflow_run_id": tracker.run_id,
    }


def _check(args: argparse.Namespace) -> None:
    for name, least in (("trials", 1), ("reduction", 2), ("cpus_per_trial", 1), ("at_once", 1)):
        value = getattr(args, name)
        if value is not None and value < least:
            raise RecipeError(f"--{name.replace('_', '-')} {value}: expected {least} or more. Give such a number.")


def _digest(parent: str | None) -> str:
    return str(read_json(f"{parent}/provenance.json")["model_digest"]) if parent else ""


def _run(search: Search, trials: list[Trial], tracker: Tracker, *, num_at_once: int, num_cpus: int) -> None:
    """Nothing is started where all trials are over."""
    if all(trial.is_over for trial in trials):
        return
    from mmmodels.searching.running import run_trials

    try:
        run_trials(
            search,
            trials,
            tracking_uri=tracker.uri,
            parent_run_id=tracker.run_id,
            num_at_once=num_at_once,
            num_cpus=num_cpus,
        )
    except BaseException:
        tracker.finish("KILLED")
        raise


def _tracked(search: Search, tracking_uri: str, space: dict[str, str]) -> Tracker:
    """The run of MLflow that the trials' runs stand under."""
    tracker = Tracker(uri=tracking_uri, experiment=search.recipe)
    tracker.start(
        f"search {search.key}",
        params={f"search.{name}": form for name, form in space.items()}
        | {f"set.{name}": value for name, value in search.overrides.items()}
        | {"metric": search.metric, "mode": search.mode, "seed": search.seed, "reduction": search.reduction},
        tags={"mlflow.runName": f"search {search.key[:8]}", "search_key": search.key},
    )
    return tracker


def _tell(tracker: Tracker, trials: list[Trial], best: Trial | None, metric: str) -> None:
    """The best trial is marked, the stopped ones are closed, and the search's own run shows all objectives."""
    for trial in trials:
        child = tracker.other(trial.run_key)
        if child is not None:
            child.set_links({"trial.state": trial.state, "best": "true" if trial is best else "false"})
            if trial.state == "stopped":
                child.finish("KILLED")
    points = [(one.number, {f"trial_{metric}": one.objective}) for one in trials if one.objective is not None]
    tracker.log_points(points)
    if best is not None:
        tracker.set_links({"best.trial": str(best.number), "best.run_key": best.run_key, **_named(best)})
    tracker.finish()


def _named(best: Trial) -> dict[str, str]:
    return {f"best.{name}": value for name, value in best.settings.items()}
