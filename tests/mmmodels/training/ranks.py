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
from mmmodels.training.validating import Validation
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
    "fsdp cached": replace(CONFIG, sharding="fsdp", cached_rows=2),
    "fsdp accumulated": replace(CONFIG, sharding="fsdp", accumulated_batches=2),
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


def part_of(rows: list[int], *, kind: tuple[str, ...] = ("image", "text", "audio")) -> Batch:
    """Some rows of the global batch, which know their places in it."""
    whole = small_batch()
    media = {name: tensor[rows] for name, tensor in whole.media.items() if name in kind}
    return Batch(media=media, groups_B=whole.groups_B[rows], positions_B=torch.tensor(rows))


def kind_at(step: int) -> tuple[str, ...]:
    """The first batches have no sound: its tower learns from step 2 on."""
    return ("image", "text") if step < 2 else ("image", "text", "audio")


def trained(stepper: Stepper, rows: list[int], steps: range) -> None:
    for step in steps:
        stepper.step(part_of(rows, kind=kind_at(step)), step)


class Held:
    """Held-out batches of a rank, as a loader gives them."""

    def __init__(self, rows: list[int], world_size: int) -> None:
        self.rows, self.world_size = rows, world_size

    def steps(self, first: int, end: int) -> list[Batch]:
        return [part_of(self.rows) for _ in range(first, end)]


def validated(stepper: Stepper, rows: list[int], *, world_size: int = 1) -> float:
    """The validation loss, after which the stepper goes on as if nothing had been."""
    model = getattr(stepper.model, "module", stepper.model)
    validation = Validation(
        loader=Held(rows, world_size),  # type: ignore[arg-type]
        num_batches=1,
        batch=lambda batch: batch,  # type: ignore[arg-type, return-value]
        device=CPU,
    )
    return validation.metrics(stepper, model)["validation_loss"]


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
        losses = torch.tensor([validated(resumed, rows, world_size=2)])
        trained(resumed, rows, range(2, 3))
        found[name] = kept(resumed) | {"validation loss": losses}
    if rank == 0:
        torch.save(found, Path(folder) / "found.pt")
    dist.destroy_process_group()


def two_ranks(folder: Path) -> dict[str, dict[str, Tensor]]:
    """Way of training -> weights and average after two steps, a checkpoint, and one more step."""
    mp.spawn(run_rank, args=(str(folder),), nprocs=2)
    found: dict[str, dict[str, Tensor]] = torch.load(folder / "found.pt", weights_only=True)
    return found
