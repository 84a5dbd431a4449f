"""What Ray Train, MLflow and checkpoints cost a training: `train` with a worker against the bare loop, samples/s."""

import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from itertools import count
from multiprocessing import get_context
from pathlib import Path

import torch

from mmmodels.loading import Loader, open_workers
from mmmodels.preparing import Mixture
from mmmodels.recipes import Recipe, find_recipe
from mmmodels.tracking import local_tracking_uri
from mmmodels.training.fitting import WORKER_ENVIRONMENT
from mmmodels.training.launch import train_mixture
from mmmodels.training.loop import Loop
from mmmodels.training.tasks import build_task, plan_of, prepare_for
from pipelines.curation.curating import curate
from pipelines.curation.policy import load_policy
from pipelines.curation.views import open_view
from pipelines.layout import Layout
from pipelines.shards.packing import PackingConfig, pack
from pipelines.signals.measuring import measure
from pipelines.sources.folder import open_folder
from tests.benchmarks.names import OVERHEAD
from tests.benchmarks.rows import Row, Runs, Settings
from tests.corpora import write_patterns


class Silent:
    """Keeps nothing, tells nobody."""

    def latest(self) -> AbstractContextManager[None]:
        return nullcontext()

    def resumed(self, curve: Sequence[Mapping[str, float]]) -> None:
        pass

    def is_ending(self) -> bool:
        return False

    def report(self, metrics: Mapping[str, float], checkpoint: Path | None) -> None:  # noqa: ARG002
        if checkpoint:
            shutil.rmtree(checkpoint)


def rows(settings: Settings) -> Iterator[Row]:
    """Both train the same recipe from the same seeds; starting and the bundle are not counted, checkpoints are."""
    mixture, seeds = _mixture(settings.folder), count()
    num_steps = settings.size(200, 40)
    ours, bare = [], []
    for pair in range(settings.num_pairs + 1):
        seed = next(seeds)
        recipe = _recipe(num_steps, seed)
        rates = _whole(recipe, mixture, settings.folder), _in_a_process_of_its_own(recipe, mixture)
        if pair:  # the first warms the caches
            ours.append(rates[0])
            bare.append(rates[1])
    yield Row(
        what=OVERHEAD,
        unit="samples/s",
        on="1 thread, 1 Ray worker",
        runs=Runs(ours=tuple(ours), peer=tuple(bare)),
        peer_name="the same loop in a process of its own",
        note=f"recipe tiny, {num_steps} steps of 128, logged every 10, four checkpoints; no validation",
    )


def _recipe(num_steps: int, seed: int) -> Recipe:
    given = {
        "training.num_steps": num_steps,
        "training.batch_size": 128,
        "training.checkpoint_every_steps": num_steps // 4,
        "training.validation_batches": 0,
        "training.seed": seed,
        "training.num_workers": 1,
        "loading.workers": 1,
    }
    return find_recipe("tiny", {name: str(value) for name, value in given.items()})


def _mixture(folder: Path) -> Mixture:
    layout = Layout(str(folder / "root"))
    source = open_folder(write_patterns(folder / "patterns"), corpus="patterns", languages=("en", "fr"))
    snapshot = pack(source, layout=layout, config=PackingConfig(samples_per_shard=100, num_workers=1)).snapshot
    measure(layout, snapshot, num_workers=1)
    report = curate(layout, [snapshot], policy=load_policy("default"), view="patterns")
    return Mixture(parts=((open_view(layout, "patterns", report.digest), 1.0),))


def _whole(recipe: Recipe, mixture: Mixture, folder: Path) -> float:
    uri = local_tracking_uri(folder / "mlflow")
    return train_mixture(recipe, mixture, tracking_uri=uri).samples_per_second


def _in_a_process_of_its_own(recipe: Recipe, mixture: Mixture) -> float:
    """With the settings of memory that Ray's workers are given: they make steps faster, whoever takes them."""
    for name, value in WORKER_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_bare, recipe, mixture).result()


def _bare(recipe: Recipe, mixture: Mixture) -> float:
    torch.set_num_threads(1)
    data = prepare_for(recipe, mixture, parent_bundle=None)
    task = build_task(recipe, data, parent_bundle=None)
    plan = plan_of(task, recipe, mixture.digest)
    workers = open_workers(recipe.loading, data)
    loader = Loader(plan=plan, source=data, modalities=task.modalities, workers=workers, ahead=recipe.loading.ahead)
    loop = Loop(
        task=task,
        loader=loader,
        config=recipe.training,
        run_key="bare",
        rank=0,
        world_size=1,
        device=torch.device("cpu"),
        reporter=Silent(),
    )
    start = time.perf_counter()
    try:
        loop.run()
    finally:
        workers.close()
    sizes = sum(plan.size(plan.kind(step)) for step in range(recipe.training.num_steps))
    return sizes / (time.perf_counter() - start)
