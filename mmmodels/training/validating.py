"""The loss on samples that no step trains on: which checkpoint is the best one hangs on it."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from mmmodels.alignment.batch import Batch
from mmmodels.errors import RecipeError
from mmmodels.loading import Loader, Reading
from mmmodels.planning import Plan, Pool
from mmmodels.training.distributing import reshard
from mmmodels.training.stepping import Stepper
from mmmodels.training.windows import Window


@dataclass(kw_only=True)
class Validation:
    """The same batches at every checkpoint, a part of each on every rank."""

    loader: Loader
    """Of the held-out samples."""
    num_batches: int
    batch: Callable[[Reading], Batch]
    device: torch.device

    @torch.no_grad()
    def metrics(self, stepper: Stepper, model: nn.Module) -> dict[str, float]:
        """`validation_loss` and its parts, with the averaged weights where there are any."""
        window = Window()
        model.eval()
        with stepper.evaluating(model):
            for reading in self.loader.steps(0, self.num_batches):
                window.add(model(self.batch(reading).to(self.device)))
            reshard(model)  # before its own weights come back
        model.train()
        found = window.metrics(self.loader.world_size)
        return {f"validation_{name}": value for name, value in found.items() if name.startswith("loss")}


def held_out_plan(pools: dict[str, Pool], plan: Plan) -> Plan | None:
    """A plan like that of the training over the held-out pools; None where they are too small for one batch."""
    try:
        return Plan(
            pools=pools, mixture=plan.mixture, batch_size=plan.batch_size, view_digest=plan.view_digest, seed=plan.seed
        )
    except RecipeError:
        return None
