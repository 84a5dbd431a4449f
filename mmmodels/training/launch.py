"""Start a run or go on with it: Ray Train workers, one MLflow run, a bundle and a manifest at the end."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mmmodels.errors import RecipeError
from mmmodels.preparing.mixing import Mixture
from mmmodels.recipes import Recipe, code_version
from mmmodels.tasks.register import kind_of
from mmmodels.tracking import Dataset, Tracker
from mmmodels.training.efficiency import FORMULA, peak_of
from mmmodels.training.following import Tell, progress
from mmmodels.training.leasing import alone
from mmmodels.training.results import RESULT, TrainingResult, finished, key_of, names_of, result_of
from pipelines import storage
from pipelines.curation.views import open_view
from pipelines.layout import Layout

__all__ = ["TrainingResult", "finished", "train", "train_mixture"]


def train(recipe: Recipe, *, layout: Layout, view: str, view_digest: str, **settings: Any) -> TrainingResult:
    """`train_mixture` of one view."""
    return train_mixture(recipe, Mixture(parts=((open_view(layout, view, view_digest), 1.0),)), **settings)


def train_mixture(  # noqa: PLR0913 - all but two are for other systems
    recipe: Recipe,
    mixture: Mixture,
    *,
    tracking_uri: str,
    artifact_root: str | None = None,
    links: Mapping[str, str] | None = None,
    parent_bundle: str | None = None,
    parent_run_id: str | None = None,
    callbacks: Sequence[Any] = (),
    on_progress: Tell | None = None,
) -> TrainingResult:
    """Train to the end, from the newest checkpoint of this run key; at once where it is finished already.

    `links` are tags that tie the run to other systems, `parent_run_id` puts it under another run of MLflow, `callbacks`
    (of Ray Train) also see every report, `on_progress` is told the newest metrics every so often, also where another
    process trains this run: then this call waits for it and takes its result, or goes on with the run where it died.
    """
    _check_parent(recipe, parent_bundle)
    parent_bundle = _absolute(parent_bundle) if parent_bundle else None
    parent = _parent_digest(parent_bundle)
    # What is left of the views after withdrawals is what is trained on, so a run after `forget` is another run.
    run_key = key_of(recipe, layout=mixture.layout, view_digest=mixture.digest, parent=parent)
    known = result_of(mixture.layout, run_key)
    if known:
        return known
    folder = _folder(mixture.layout, run_key)
    with progress(recipe, folder, tell=on_progress), alone(folder, what=f"train {recipe.name}"):
        # Who waited for another process finds what that one made.
        return result_of(mixture.layout, run_key) or _trained(
            recipe,
            mixture,
            tracker=Tracker(uri=tracking_uri, experiment=recipe.name, artifacts=artifact_root),
            folder=folder,
            links=dict(links or {}) | {"run_key": run_key, "parent_digest": parent},
            parent_bundle=parent_bundle,
            parent_run_id=parent_run_id,
            callbacks=callbacks,
        )


def _trained(
    recipe: Recipe,
    mixture: Mixture,
    *,
    tracker: Tracker,
    folder: str,
    links: Mapping[str, str],
    parent_bundle: str | None,
    parent_run_id: str | None,
    callbacks: Sequence[Any],
) -> TrainingResult:
    """The run, held by this process, to its end."""
    run_key = links["run_key"]
    peak = peak_of(recipe, _device_name())
    run_id = tracker.start(
        run_key,
        params=asdict(recipe) | {"code_version": code_version()},
        tags=dict(links) | {"checkpoints": folder} | {"mfu.formula": FORMULA, "mfu.peak": peak.told},
        datasets=_datasets(mixture),
        parent_run_id=parent_run_id,
    )
    config: dict[str, Any] = {
        "recipe": asdict(recipe),
        "root": mixture.layout.root,
        "views": names_of(mixture),
        "run_key": run_key,
        "folder": folder,
        "parent_bundle": parent_bundle,
        "peak_operations": peak.operations,
    }
    try:
        config["validates"] = _prepare(recipe, mixture, parent_bundle=parent_bundle)
        outcome = _fit(recipe, config, tracker, callbacks)
    except BaseException as error:
        tracker.finish("FAILED" if isinstance(error, Exception) else "KILLED")
        raise
    result = _result(recipe, run_key=run_key, folder=folder, run_id=run_id, outcome=outcome)
    _close(tracker, result, validates=config["validates"])
    storage.write_json(f"{folder}/{RESULT}", asdict(result))  # last: with it nothing is left to be done
    return result


def _check_parent(recipe: Recipe, parent_bundle: str | None) -> None:
    wanted = kind_of(recipe).parent
    if wanted == "required" and parent_bundle is None:
        raise RecipeError(f"recipe {recipe.name!r}: needs an aligner to start from. Name the bundle of one.")
    if wanted == "none" and parent_bundle is not None:
        raise RecipeError(f"recipe {recipe.name!r}: starts from no other model. Leave out {parent_bundle}.")


def _folder(layout: Layout, run_key: str) -> str:
    """Of the run, made where it is local."""
    uri = _absolute(layout.checkpoints(run_key))
    if storage.is_local(uri):
        Path(uri).mkdir(parents=True, exist_ok=True)
    return uri


def _absolute(uri: str) -> str:
    """Workers run in other folders."""
    return str(storage.local_path(uri).resolve()) if storage.is_local(uri) else uri.rstrip("/")


def _parent_digest(parent_bundle: str | None) -> str:
    if parent_bundle is None:
        return ""
    return str(storage.read_json(f"{parent_bundle}/provenance.json")["model_digest"])


def _device_name() -> str | None:
    """Of the accelerator here: workers have the same, Ray Train is told to use one where there is one here."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def _datasets(mixture: Mixture) -> list[Dataset]:
    return [
        Dataset(name=view.view, digest=view.digest, uri=view.uri, weight=weight, num_rows=view.manifest.get("num_kept"))
        for view, weight in mixture.parts
    ]


def _result(recipe: Recipe, *, run_key: str, folder: str, run_id: str, outcome: Mapping[str, Any]) -> TrainingResult:
    return TrainingResult(
        run_key=run_key,
        bundle_uri=f"{folder}/bundle",
        mlflow_run_id=run_id,
        num_steps=recipe.training.num_steps,
        num_samples_seen=outcome["num_samples_seen"],
        seconds=outcome["seconds"],
        samples_per_second=outcome["num_samples_this_attempt"] / outcome["seconds"],
        curve=outcome["curve"],
        created=True,
    )


def _close(tracker: Tracker, result: TrainingResult, *, validates: bool) -> None:
    """The manifest beside the run, its checkpoints as they are now, and the end."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / RESULT
        storage.write_json(str(path), asdict(result))
        tracker.log_artifacts(path)
    tracker.settle_checkpoints("validation_loss" if validates else "loss")
    tracker.finish()


def _prepare(recipe: Recipe, mixture: Mixture, *, parent_bundle: str | None) -> bool:
    """Fill the cache of decoded media before the workers start: they would all make the same one.

    Whether there are held-out samples enough for a validation.
    """
    from mmmodels.training.tasks import build_task, plan_of, prepare_for, validates

    data = prepare_for(recipe, mixture, parent_bundle=parent_bundle, num_workers=os.cpu_count() or 1)
    task = build_task(recipe, data, parent_bundle=parent_bundle)
    return validates(task, plan_of(task, recipe, mixture.digest), recipe)


def _fit(recipe: Recipe, config: dict[str, Any], tracker: Tracker, callbacks: Sequence[Any]) -> Mapping[str, Any]:
    """What rank 0 returned."""
    from mmmodels.training.fitting import fit_here, fit_on_ray

    fit = fit_on_ray if recipe.training.num_workers else fit_here
    return fit(recipe, config, tracker, callbacks)
