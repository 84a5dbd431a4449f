"""Trials on Ray Tune: each trains as `train` does, ASHA stops those that are behind (Li et al. 2020).

What is known of the trials is kept in files of our own, not in Tune's pickles: a search that goes on tells ASHA again
what its trials reported, and trains only what is not over.
"""

import os
import tempfile
from collections.abc import Mapping
from typing import Any

from ray import tune
from ray.train import UserCallback
from ray.tune.integration.ray_train import TuneReportCallback
from ray.tune.schedulers import ASHAScheduler

from mmmodels.errors import RecipeError
from mmmodels.preparing import open_mixture
from mmmodels.recipes import find_recipe
from mmmodels.searching.search import Search
from mmmodels.searching.trials import Ledger, Trial
from mmmodels.training.fitting import cluster
from mmmodels.training.launch import train_mixture
from mmmodels.training.results import names_of
from pipelines.layout import Layout

STEP, OBJECTIVE = "step", "objective"


def run_trials(
    search: Search, trials: list[Trial], *, tracking_uri: str, parent_run_id: str, num_at_once: int, num_cpus: int
) -> None:
    """Until all are over; the trials are changed in place and in the ledger."""
    os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    plain = _plain(search) | {"tracking_uri": tracking_uri, "parent_run_id": parent_run_id}
    base = search.base.training
    inner = base.num_workers * num_cpus if base.num_workers else 0
    with cluster(num_cpus=num_at_once * (num_cpus + inner)), tempfile.TemporaryDirectory() as scratch:
        tuner = tune.Tuner(
            tune.with_resources(run_trial, {"CPU": num_cpus}),
            param_space={"search": plain, "trial": tune.grid_search([_told(trial) for trial in trials])},
            tune_config=tune.TuneConfig(
                scheduler=ASHAScheduler(
                    time_attr=STEP,
                    metric=OBJECTIVE,
                    mode=search.mode,
                    grace_period=base.checkpoint_every_steps,
                    max_t=max(base.num_steps, base.checkpoint_every_steps) + 1,
                    reduction_factor=search.reduction,
                    stop_last_trials=False,
                ),
                max_concurrent_trials=num_at_once,
            ),
            run_config=tune.RunConfig(
                name="trials", storage_path=scratch, verbose=0, callbacks=[_Watching(search, trials)]
            ),
        )
        tuner.fit()


def _plain(search: Search) -> dict[str, Any]:
    """What a trial's process needs, without views that are open here."""
    return {
        "recipe": search.recipe,
        "overrides": search.overrides,
        "root": search.mixture.layout.root,
        "views": names_of(search.mixture),
        "metric": search.metric,
        "parent_bundle": search.parent_bundle,
    }


def _told(trial: Trial) -> dict[str, Any]:
    return {"number": trial.number, "settings": trial.settings, "reports": trial.reports, "is_over": trial.is_over}


def run_trial(config: Mapping[str, Any]) -> None:
    """One trial, in a process of Ray's: tells ASHA what is known, then trains on from the newest checkpoint."""
    search, trial = config["search"], config["trial"]
    for step, value in trial["reports"]:
        tune.report({STEP: step, OBJECTIVE: value})
    if trial["is_over"]:
        return
    recipe = find_recipe(search["recipe"], {**search["overrides"], **trial["settings"]})
    last, end, metric = (
        max((step for step, _ in trial["reports"]), default=0),
        recipe.training.num_steps,
        search["metric"],
    )
    telling = _TellingFromController if recipe.training.num_workers else _Telling
    result = train_mixture(
        recipe,
        open_mixture(Layout(search["root"]), search["views"]),
        tracking_uri=search["tracking_uri"],
        parent_bundle=search["parent_bundle"],
        parent_run_id=search["parent_run_id"],
        links={"mlflow.runName": f"trial {trial['number']}", "trial": str(trial["number"])},
        callbacks=[telling(metric, after=last, before=end)],
    )
    # The last report comes after the bundle: ASHA may stop a trial at it.
    reports = [report for point in result.curve[-1:] for report in _reports([point], metric, after=last)]
    for report in reports:
        tune.report(report)


def _reports(
    metrics: list[dict[str, Any]], metric: str, *, after: int, checkpointed: bool = True
) -> list[dict[str, Any]]:
    """What Tune is told of a report; RecipeError where a checkpoint has no such metric."""
    found = metrics[0]
    step = int(found["step"])
    if metric not in found and checkpointed:
        known = ", ".join(sorted(name for name in found if not name.startswith("system/")))
        raise RecipeError(f"--metric {metric}: a checkpoint reports no such value. There are: {known}.")
    return [{STEP: step, OBJECTIVE: float(found[metric])}] if metric in found and checkpointed and step > after else []


class _Telling(UserCallback):  # type: ignore[misc]
    """Of a run in this process."""

    def __init__(self, metric: str, *, after: int, before: int) -> None:
        self.metric = metric
        self.after = after
        self.before = before

    def after_report(self, run_context: Any, metrics: list[dict[str, Any]], checkpoint: Any) -> None:  # noqa: ARG002
        for report in _reports(metrics, self.metric, after=self.after, checkpointed=checkpoint is not None):
            if report[STEP] < self.before:
                self.tell(report)

    def tell(self, report: dict[str, Any]) -> None:
        tune.report(report)


class _TellingFromController(_Telling):
    """Of a run on workers of its own: its controller is another process, which Tune's callback reaches back from."""

    def __init__(self, metric: str, *, after: int, before: int) -> None:
        super().__init__(metric, after=after, before=before)
        self.tunes = TuneReportCallback()

    def tell(self, report: dict[str, Any]) -> None:
        self.tunes.after_report(None, [report], None)


class _Watching(tune.Callback):  # type: ignore[misc]
    """Keeps the ledger, in the process that runs the search."""

    def __init__(self, search: Search, trials: list[Trial]) -> None:
        self.ledger: Ledger = search.ledger
        self.num_steps = {
            trial.number: find_recipe(search.recipe, search.overrides | trial.settings).training.num_steps
            for trial in trials
        }
        self.trials = {trial.number: trial for trial in trials}

    def on_trial_start(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:  # noqa: ARG002
        self._change(trial, "running")

    def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: Any, **info: Any) -> None:  # noqa: ARG002
        ours = self._of(trial)
        if OBJECTIVE in result and int(result[STEP]) > ours.last_step:
            ours.reports.append((int(result[STEP]), float(result[OBJECTIVE])))
            self.ledger.write(ours)

    def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:  # noqa: ARG002
        ours = self._of(trial)
        self._change(trial, "finished" if ours.last_step >= self.num_steps[ours.number] else "stopped")

    def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:  # noqa: ARG002
        ours = self._of(trial)
        ours.error = _last_line(trial.error_file)
        self._change(trial, "failed")

    def _of(self, trial: Any) -> Trial:
        return self.trials[trial.config["trial"]["number"]]

    def _change(self, trial: Any, state: Any) -> None:
        ours = self._of(trial)
        if not ours.is_over:
            ours.state = state
            self.ledger.write(ours)


def _last_line(error_file: str | None) -> str:
    """The exception itself, of the trace that Ray wrote."""
    if not error_file:
        return "its process ended without a word"
    with open(error_file, encoding="utf-8") as file:  # noqa: PTH123 - a path that Ray made
        lines = [line.strip() for line in file if line.strip()]
    return lines[-1] if lines else "unknown"
