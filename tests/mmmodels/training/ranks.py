"""What two processes of gloo make of three steps; run by `spawn`, so it is a module of its own."""

from dataclasses import replace
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor

from mmmodels.alignment.batch import Batch
from mmmodels.recipes import TrainingConfig
from mmmodels.training.averaging import WeightAverage
from mmmodels.training.checkpoints import load_state, save_state
from mmmodels.training.distributing import shard, whole_weights, wrap
from mmmodels.training.optimizing import build_optimizer
from mmmodels.training.stepping import Stepper
from tests.mmmodels.alignment.ranks import small_batch, small_model

CPU = torch.device("cpu")
CONFIG = TrainingConfig(
    learning_rate=1e-2,
    epsilon=1e-2,  # a smaller one makes whole steps of the rounding errors of gradients that are nearly zero
    warmup_steps=1,
    num_steps=20,
    augmentation=0.5,
    precision="fp32",
    ema_decay=0.9,
)
WAYS = {
    "ddp": CONFIG,
    "fsdp": replace(CONFIG, sharding="fsdp"),
    "cached": replace(CONFIG, cached_rows=2),
    "accumulated": replace(CONFIG, accumulated_batches=2),
}
DATA = {"step": 2}


def stepper_of(config: TrainingConfig, *, world_size: int = 1) -> Stepper:
    model = shard(small_model(), config, world_size=world_size, device=CPU)
    return Stepper(
        model=wrap(model, config, world_size=world_size).train(),
        optimizer=build_optimizer(model, config),
        config=config,
        device=CPU,
        averaged=WeightAverage(model, decay=config.ema_decay),
    )


def part_of(rows: list[int]) -> Batch:
    """Some rows of the global batch, which know their places in it."""
    whole = small_batch()
    media = {name: tensor[rows] for name, tensor in whole.media.items()}
    return Batch(media=media, groups_B=whole.groups_B[rows], positions_B=torch.tensor(rows))


def trained(stepper: Stepper, rows: list[int], steps: range) -> None:
    for step in steps:
        stepper.step(part_of(rows), step)


def kept(stepper: Stepper) -> dict[str, Tensor]:
    """Weights and their average, whole."""
    model = getattr(stepper.model, "module", stepper.model)
    found = {name: value.clone() for name, value in whole_weights(model).items()}
    with stepper.evaluating(model):
        return found | {f"average {name}": value for name, value in whole_weights(model).items()}


def save(folder: Path | None, stepper: Stepper) -> None:
    model = getattr(stepper.model, "module", stepper.model)
    save_state(
        folder,
        run_key="run",
        data=DATA,
        model=model,
        optimizer=stepper.optimizer,
        average=stepper.averaged,
        curve=[],
    )


def restore(folder: Path, stepper: Stepper) -> None:
    model = getattr(stepper.model, "module", stepper.model)
    load_state(folder, run_key="run", model=model, optimizer=stepper.optimizer, average=stepper.averaged)


def run_rank(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    rows, found = list(range(rank * 4, rank * 4 + 4)), {}
    for name, config in WAYS.items():
        stepper = stepper_of(config, world_size=2)
        trained(stepper, rows, range(2))
        state = Path(folder) / name
        state.mkdir(exist_ok=True)
        save(state if rank == 0 else None, stepper)
        dist.barrier()
        resumed = stepper_of(config, world_size=2)
        restore(state, resumed)
        trained(resumed, rows, range(2, 3))
        found[name] = kept(resumed)
    if rank == 0:
        torch.save(found, Path(folder) / "found.pt")
    dist.destroy_process_group()


def two_ranks(folder: Path) -> dict[str, dict[str, Tensor]]:
    """Way of training -> weights and average after two steps, a checkpoint, and one more step."""
    mp.spawn(run_rank, args=(str(folder),), nprocs=2)
    found: dict[str, dict[str, Tensor]] = torch.load(folder / "found.pt", weights_only=True)
    return found
