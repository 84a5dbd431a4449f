"""What each training worker runs, in this process or on Ray: plain values in, a plain summary out."""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ray.train
import torch

from mmmodels.alignment.bundle import read_bundle, save_bundle
from mmmodels.loading import Loader, open_workers
from mmmodels.planning import Plan
from mmmodels.preparing import Prepared, prepare
from mmmodels.recipes import Recipe, code_version, recipe_from
from mmmodels.tasks.alignment import AlignmentTask
from mmmodels.tasks.classification import ClassificationTask
from mmmodels.training.loop import Loop, rank_and_size
from mmmodels.training.reporting import Reporter
from pipelines.curation.views import View, open_view
from pipelines.layout import Layout
from pipelines.storage import replacing

PROGRESS = "progress.json"


class _WithProgress:
    """Also writes how far the run is, for a bar in the process that started it."""

    def __init__(self, inner: Reporter, path: Path) -> None:
        self.inner = inner
        self.path = path

    def latest(self) -> Path | None:
        return self.inner.latest()

    def report(self, metrics: Mapping[str, float], checkpoint: Path | None) -> None:
        with replacing(str(self.path)) as aside:
            aside.write_text(json.dumps(dict(metrics)))
        self.inner.report(metrics, checkpoint)


def train_worker(config: Mapping[str, Any], *, reporter: Reporter) -> dict[str, Any]:
    """Train one rank; rank 0 writes the bundle. Gives samples and seconds of this attempt and the whole curve."""
    recipe, folder = recipe_from(config["recipe"]), Path(config["folder"])
    rank, world_size = rank_and_size(ray.train.get_context())
    _share_cores(world_size)
    view = open_view(Layout(config["root"]), config["view"], config["view_digest"])
    data = prepare_for(recipe, view, parent_bundle=config["parent_bundle"])
    task = build_task(recipe, data, parent_bundle=config["parent_bundle"])
    plan = Plan(
        pools=task.pools(),
        mixture=recipe.mixture,
        batch_size=recipe.training.batch_size,
        view_digest=view.effective_digest,
        seed=recipe.training.seed,
    )
    workers = open_workers(recipe.loading, data, num_ranks_here=int(ray.train.get_context().get_local_world_size()))
    loop = Loop(
        task=task,
        loader=Loader(
            plan=plan,
            source=data,
            modalities=task.modalities,
            workers=workers,
            rank=rank,
            world_size=world_size,
            ahead=recipe.loading.ahead,
        ),
        config=recipe.training,
        run_key=config["run_key"],
        rank=rank,
        world_size=world_size,
        device=torch.device("cuda" if torch.cuda.is_available() else "cpu"),
        reporter=_WithProgress(reporter, folder / PROGRESS) if rank == 0 else reporter,
    )
    start = time.perf_counter()
    try:
        model = loop.run()
    finally:
        workers.close()
    seconds = time.perf_counter() - start
    if rank == 0:
        _write_bundle(folder / "bundle", model, recipe=recipe, data=data, view=view, config=config, task=task)
    sizes = [plan.size(plan.kind(step)) for step in range(recipe.training.num_steps)]
    return {
        "num_samples_seen": sum(sizes),
        "num_samples_this_attempt": sum(sizes[loop.first_step :]),
        "seconds": seconds,
        "curve": loop.curve,
    }


def prepare_for(recipe: Recipe, view: View, *, parent_bundle: str | None) -> Prepared:
    """The view's data; a model on top of another takes its tokenizer."""
    tokenizer = read_bundle(parent_bundle)[2] if parent_bundle else None
    return prepare(view, config=recipe.model, tokenizer=tokenizer, without_fold=recipe.training.without_fold)


def build_task(recipe: Recipe, data: Prepared, *, parent_bundle: str | None) -> AlignmentTask | ClassificationTask:
    """What the recipe's task word stands for."""
    if recipe.task == "align":
        return AlignmentTask(recipe=recipe, data=data)
    assert parent_bundle is not None, "launch refuses a task on top of nothing"
    return ClassificationTask(recipe=recipe, data=data, parent=Path(parent_bundle))


def _share_cores(world_size: int) -> None:
    """Workers of one machine share its cores; more threads than cores make every step slower."""
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // world_size))


def _write_bundle(
    folder: Path,
    model: torch.nn.Module,
    *,
    recipe: Recipe,
    data: Prepared,
    view: View,
    config: Mapping[str, Any],
    task: AlignmentTask | ClassificationTask,
) -> None:
    provenance = {
        "run_key": config["run_key"],
        "view": config["view"],
        "view_digest": view.digest,
        "effective_digest": view.effective_digest,
        "corpus": "+".join(one.corpus for one in view.snapshots),
        "snapshot": "+".join(one.snapshot for one in view.snapshots),
        "recipe": recipe.name,
        "without_fold": recipe.training.without_fold,
        "code_version": code_version(),
        "parent_bundle": config["parent_bundle"],
    }
    labels = task.labels if isinstance(task, ClassificationTask) else None
    save_bundle(folder, model, recipe=recipe, tokenizer=data.tokenizer, provenance=provenance, labels=labels)
