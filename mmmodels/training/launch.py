"""Start a run or go on with it: Ray Train workers, one MLflow run, a bundle and a manifest at the end."""

import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mmmodels.errors import RecipeError
from mmmodels.recipes import Recipe, code_version, run_key_of
from mmmodels.tasks.register import kind_of
from mmmodels.tracking import Dataset, Tracker
from pipelines import storage
from pipelines.curation.views import View, open_view
from pipelines.errors import StorageError
from pipelines.layout import Layout
from pipelines.progress import track

RESULT, PROGRESS = "result.json", "progress.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingResult:
    """A finished run, as its manifest `result.json` tells it."""

    run_key: str
    bundle_uri: str
    mlflow_run_id: str
    num_steps: int
    num_samples_seen: int
    seconds: float
    """Of the loop, in the attempt that finished it."""
    samples_per_second: float
    curve: list[dict[str, float]]
    created: bool
    """False where an earlier call had finished the run."""


def finished(recipe: Recipe, *, layout: Layout, view_digest: str, parent: str = "") -> TrainingResult | None:
    """The result of the run over a view of this effective digest, or None; imports neither torch nor ray."""
    uri = f"{layout.checkpoints(run_key_of(recipe, view_digest=view_digest, parent=parent))}/{RESULT}"
    if not storage.exists(uri):
        return None
    return TrainingResult(**(storage.read_json(uri) | {"created": False}))  # type: ignore[arg-type]


def train(
    recipe: Recipe,
    *,
    layout: Layout,
    view: str,
    view_digest: str,
    tracking_uri: str,
    artifact_root: str | None = None,
    links: Mapping[str, str] | None = None,
    parent_bundle: str | None = None,
) -> TrainingResult:
    """Train to the end, from the newest checkpoint of this run key; at once where it is finished already."""
    _check_parent(recipe, parent_bundle)
    parent = _parent_digest(parent_bundle)
    # What is left of the view after withdrawals is what is trained on, so a run after `forget` is another run.
    effective_digest = open_view(layout, view, view_digest).effective_digest
    known = finished(recipe, layout=layout, view_digest=effective_digest, parent=parent)
    if known:
        return known
    if not storage.is_local(layout.root):
        raise StorageError(
            f"{layout.root}: training writes its checkpoints to a local root for now. Name a local folder."
        )
    run_key = run_key_of(recipe, view_digest=effective_digest, parent=parent)
    folder = storage.local_path(layout.checkpoints(run_key)).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    tracker = Tracker(uri=tracking_uri, experiment=recipe.name, artifacts=artifact_root)
    run_id = tracker.start(
        run_key,
        params=asdict(recipe) | {"code_version": code_version()},
        tags=dict(links or {}) | {"run_key": run_key, "checkpoints": str(folder), "parent_digest": parent},
        dataset=Dataset(name=view, digest=view_digest, uri=layout.view(view, view_digest)),
    )
    config: dict[str, Any] = {
        "recipe": asdict(recipe),
        "root": layout.root,
        "view": view,
        "view_digest": view_digest,
        "run_key": run_key,
        "folder": str(folder),
        "parent_bundle": parent_bundle,
    }
    try:
        config["validates"] = _prepare(recipe, open_view(layout, view, view_digest), parent_bundle=parent_bundle)
        outcome = _fit(recipe, config, tracker)
    except BaseException:
        tracker.finish("FAILED")
        raise
    result = _result(recipe, run_key=run_key, folder=folder, run_id=run_id, outcome=outcome)
    storage.write_json(f"{folder}/{RESULT}", asdict(result))
    tracker.log_artifacts(folder / RESULT)
    tracker.finish()
    return result


def _check_parent(recipe: Recipe, parent_bundle: str | None) -> None:
    wanted = kind_of(recipe).parent
    if wanted == "required" and parent_bundle is None:
        raise RecipeError(f"recipe {recipe.name!r}: needs an aligner to start from. Name the bundle of one.")
    if wanted == "none" and parent_bundle is not None:
        raise RecipeError(f"recipe {recipe.name!r}: starts from no other model. Leave out {parent_bundle}.")


def _parent_digest(parent_bundle: str | None) -> str:
    if parent_bundle is None:
        return ""
    return str(storage.read_json(f"{parent_bundle}/provenance.json")["model_digest"])


def _result(recipe: Recipe, *, run_key: str, folder: Path, run_id: str, outcome: Mapping[str, Any]) -> TrainingResult:
    return TrainingResult(
        run_key=run_key,
        bundle_uri=str(folder / "bundle"),
        mlflow_run_id=run_id,
        num_steps=recipe.training.num_steps,
        num_samples_seen=outcome["num_samples_seen"],
        seconds=outcome["seconds"],
        samples_per_second=outcome["num_samples_this_attempt"] / outcome["seconds"],
        curve=outcome["curve"],
        created=True,
    )


def _prepare(recipe: Recipe, view: View, *, parent_bundle: str | None) -> bool:
    """Fill the cache of decoded media before the workers start: they would all make the same one.

    Whether there are held-out samples enough for a validation.
    """
    from mmmodels.training.tasks import build_task, plan_of, prepare_for, validates

    data = prepare_for(recipe, view, parent_bundle=parent_bundle, num_workers=os.cpu_count() or 1)
    task = build_task(recipe, data, parent_bundle=parent_bundle)
    return validates(task, plan_of(task, recipe, view), recipe)


def _fit(recipe: Recipe, config: dict[str, Any], tracker: Tracker) -> Mapping[str, Any]:
    """What rank 0 returned."""
    from mmmodels.training.fitting import fit_here, fit_on_ray

    fit = fit_on_ray if recipe.training.num_workers else fit_here
    with _progress(recipe, Path(config["folder"])):
        return fit(recipe, config, tracker)


@contextmanager
def _progress(recipe: Recipe, folder: Path) -> Iterator[None]:
    """A bar fed from the file that rank 0 writes: the loop may be in another process or on another machine."""
    done = threading.Event()
    thread = threading.Thread(target=_follow, args=(recipe, folder / PROGRESS, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(timeout=5)


def _follow(recipe: Recipe, path: Path, done: threading.Event) -> None:
    def steps() -> Iterator[int]:
        told = 0
        while told < recipe.training.num_steps and not done.wait(0.5):
            step = json.loads(path.read_text())["step"] if path.exists() else 0
            yield from range(told, step)
            told = max(told, step)
        if path.exists():
            yield from range(told, json.loads(path.read_text())["step"])

    for _ in track(steps(), total=recipe.training.num_steps, what=f"train {recipe.name}"):
        pass
