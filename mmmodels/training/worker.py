"""What each training worker runs, in this process or on Ray: plain values in, a plain summary out."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray.train
import torch

from mmmodels.alignment.bundle import save_bundle
from mmmodels.loading import Loader, open_workers
from mmmodels.preparing import Prepared
from mmmodels.recipes import Recipe, code_version, recipe_from
from mmmodels.tasks.task import Task
from mmmodels.training.loop import Loop, rank_and_size
from mmmodels.training.reporting import Reporter
from mmmodels.training.tasks import build_task, plan_of, prepare_for
from mmmodels.training.validating import Validation, held_out_plan
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

    def is_ending(self) -> bool:
        return self.inner.is_ending()

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
    plan = plan_of(task, recipe, view)
    workers = open_workers(recipe.loading, data, num_ranks_here=int(ray.train.get_context().get_local_world_size()))
    loader = Loader(
        plan=plan,
        source=data,
        modalities=task.modalities,
        workers=workers,
        rank=rank,
        world_size=world_size,
        ahead=recipe.loading.ahead,
    )
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    loop = Loop(
        task=task,
        loader=loader,
        config=recipe.training,
        run_key=config["run_key"],
        rank=rank,
        world_size=world_size,
        device=device,
        reporter=_WithProgress(reporter, folder / PROGRESS) if rank == 0 else reporter,
        validation=validation_of(task, loader, recipe, device=device),
    )
    start = time.perf_counter()
    try:
        weights = loop.run()
    finally:
        workers.close()
    seconds = time.perf_counter() - start
    if rank == 0:
        _write_bundle(folder / "bundle", weights, recipe=recipe, data=data, view=view, config=config, task=task)
    sizes = [plan.size(plan.kind(step)) for step in range(recipe.training.num_steps)]
    return {
        "num_samples_seen": sum(sizes),
        "num_samples_this_attempt": sum(sizes[loop.first_step :]),
        "seconds": seconds,
        "curve": loop.curve,
    }


def validation_of(task: Task, loader: Loader, recipe: Recipe, *, device: torch.device) -> Validation | None:
    """None where the recipe wants none, or the held-out samples are too few for a batch."""
    plan = held_out_plan(task.held_out_pools(), loader.plan) if recipe.training.validation_batches else None
    if plan is None:
        return None
    held_out = replace(loader, plan=plan, ahead=0)
    return Validation(loader=held_out, num_batches=recipe.training.validation_batches, batch=task.batch, device=device)


def _share_cores(world_size: int) -> None:
    """Workers of one machine share its cores; more threads than cores make every step slower."""
    given = int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
    torch.set_num_threads(max(1, given // world_size))


def _write_bundle(
    folder: Path,
    weights: Mapping[str, torch.Tensor],
    *,
    recipe: Recipe,
    data: Prepared,
    view: View,
    config: Mapping[str, Any],
    task: Task,
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
    facts = task.facts()
    save_bundle(folder, weights, recipe=recipe, tokenizer=data.tokenizer, provenance=provenance, facts=facts)
