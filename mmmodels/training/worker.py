"""What each training worker runs, in this process or on Ray: plain values in, a plain summary out."""

import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ray.train
import torch

from mmmodels.alignment.bundle import PROVENANCE, save_bundle
from mmmodels.flops import utilization
from mmmodels.loading import Loader, open_workers
from mmmodels.preparing import Mixture, Prepared, open_mixture
from mmmodels.recipes import Recipe, code_version, recipe_from
from mmmodels.tasks.task import Task
from mmmodels.towers.adapters import merged
from mmmodels.training.efficiency import counter_of
from mmmodels.training.loop import Loop, rank_and_size
from mmmodels.training.machines import MachineMetrics
from mmmodels.training.reporting import Reporter
from mmmodels.training.results import PROGRESS
from mmmodels.training.tasks import build_task, plan_of, prepare_for
from mmmodels.training.validating import Validation, held_out_plan
from mmmodels.tuning.adapters import BASE, save_adapter
from pipelines.layout import Layout
from pipelines.storage import put_folder, write_json


@dataclass(kw_only=True)
class _Telling:
    """Adds what the loop does not know of: the machine, the share of its peak, how far the run is for others to see."""

    inner: Reporter
    progress: str | None
    """Where rank 0 writes how far the run is."""
    machine: MachineMetrics | None
    """Of the first rank of each node."""
    peak_operations: float | None
    """Of all ranks together, a second."""

    def latest(self) -> AbstractContextManager[Path | None]:
        return self.inner.latest()

    def resumed(self, curve: Sequence[Mapping[str, float]]) -> None:
        self.inner.resumed(curve)

    def is_ending(self) -> bool:
        return self.inner.is_ending()

    def report(self, metrics: Mapping[str, float], checkpoint: Path | None) -> None:
        told = dict(metrics)
        if self.peak_operations and "teraflops_per_second" in told:
            told["mfu"] = utilization(1e12 * told["teraflops_per_second"], peak=self.peak_operations)
        if self.progress:
            write_json(self.progress, told)
        self.inner.report(told | (self.machine.sample() if self.machine else {}), checkpoint)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Of a worker among the others; alone where nothing else is said."""

    rank: int = 0
    world_size: int = 1
    local_rank: int = 0
    local_world_size: int = 1
    node_rank: int = 0

    @classmethod
    def on_ray(cls) -> "Place":
        """As Ray Train has it."""
        context = ray.train.get_context()
        rank, world_size = rank_and_size(context)
        return cls(
            rank=rank,
            world_size=world_size,
            local_rank=int(context.get_local_rank()),
            local_world_size=int(context.get_local_world_size()),
            node_rank=int(context.get_node_rank()),
        )


def train_worker(config: Mapping[str, Any], *, reporter: Reporter, place: Place | None = None) -> dict[str, Any]:
    """Train one rank; rank 0 writes the bundle. Gives samples and seconds of this attempt and the whole curve."""
    recipe = recipe_from(config["recipe"])
    place = place or Place.on_ray()
    rank, world_size = place.rank, place.world_size
    _share_cores(place.local_world_size)
    mixture = open_mixture(Layout(config["root"]), config["views"])
    data = prepare_for(recipe, mixture, parent_bundle=config["parent_bundle"])
    task = build_task(recipe, data, parent_bundle=config["parent_bundle"])
    plan = plan_of(task, recipe, mixture.digest)
    workers = open_workers(recipe.loading, data, num_ranks_here=place.local_world_size)
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
        reporter=_telling(reporter, config, place),
        validation=validation_of(task, loader, recipe, device=device),
        operations=counter_of(recipe),
    )
    start = time.perf_counter()
    try:
        weights = loop.run()
    finally:
        workers.close()
    seconds = time.perf_counter() - start
    if rank == 0:
        _write_bundle(weights, recipe=recipe, data=data, mixture=mixture, config=config, task=task)
    sizes = [plan.size(plan.kind(step)) for step in range(recipe.training.num_steps)]
    return {
        "num_samples_seen": sum(sizes),
        "num_samples_this_attempt": sum(sizes[loop.first_step :]),
        "seconds": seconds,
        "curve": loop.curve,
    }


def _telling(reporter: Reporter, config: Mapping[str, Any], place: Place) -> Reporter:
    peak, num_nodes = config["peak_operations"], -(-place.world_size // place.local_world_size)
    return _Telling(
        inner=reporter,
        progress=f"{config['folder']}/{PROGRESS}" if place.rank == 0 else None,
        machine=MachineMetrics(node=place.node_rank, num_nodes=num_nodes) if place.local_rank == 0 else None,
        peak_operations=peak * place.world_size if peak else None,
    )


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
    weights: Mapping[str, torch.Tensor],
    *,
    recipe: Recipe,
    data: Prepared,
    mixture: Mixture,
    config: Mapping[str, Any],
    task: Task,
) -> None:
    provenance = {
        "run_key": config["run_key"],
        **mixture.provenance(),
        "recipe": recipe.name,
        "without_fold": recipe.training.without_fold,
        "code_version": code_version(),
        "parent_bundle": config["parent_bundle"],
    }
    facts = task.facts()
    with tempfile.TemporaryDirectory(prefix="trivium-bundle-") as scratch:
        folder, parent = Path(scratch) / "bundle", config["parent_bundle"]
        if recipe.tuning.kind == "lora":
            if parent:
                save_adapter(Path(scratch) / "adapter", weights, base=parent)
                put_folder(Path(scratch) / "adapter", f"{config['folder']}/adapter", last=BASE)
            weights = merged(weights)
        save_bundle(folder, weights, recipe=recipe, tokenizer=data.tokenizer, provenance=provenance, facts=facts)
        put_folder(folder, f"{config['folder']}/bundle", last=PROVENANCE)
