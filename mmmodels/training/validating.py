"""The loss on samples that no step trains on: which checkpoint is the best one hangs on it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule

from mmmodels.alignment.batch import Batch
from mmmodels.alignment.model import TriModal
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
        """`validation_loss` and its parts, with the averaged weights where there are any.

        Of an aligner also `validation_ranking`, which can be compared across losses, scales and batch sizes.
        """
        losses, rankings = Window(), Window()
        model.eval()
        with stepper.evaluating(model):
            for reading in self.loader.steps(0, self.num_batches):
                _measure(model, self.batch(reading).to(self.device), losses, rankings)
            reshard(model)  # before its own weights come back
        model.train()
        found = losses.metrics(self.loader.world_size)
        metrics = {f"validation_{name}": value for name, value in found.items() if name.startswith("loss")}
        if rankings.counts:
            shares = rankings.metrics(self.loader.world_size)
            metrics["validation_ranking"] = shares["loss"] / len(rankings.counts)
        return metrics


def _measure(model: Any, batch: Batch, losses: Window, rankings: Window) -> None:
    """Losses, and of an aligner the rankings: it embeds once for both, where its scales are not sharded."""
    if not isinstance(model, TriModal):
        losses.add(model(batch))
        return
    embedded = model(batch, embeds=True)
    whole = not isinstance(model, FSDPModule)
    losses.add(model.losses(embedded, groups_B=batch.groups_B) if whole else model(batch))
    vectors = {name: part.vectors_BD for name, part in embedded.items()}
    pairs = [pair for pair in model.config.pairs if set(pair) <= set(vectors)]
    rankings.add({"_".join(pair): ranking(vectors[pair[0]], vectors[pair[1]], batch.groups_B) for pair in pairs})


def ranking(left_BD: Tensor, right_BD: Tensor, groups_B: Tensor) -> Tensor:
    """How often a partner is nearer than a sample of another group, in both directions; chance is 0.5, a tie half.

    The area under the ROC curve (Fawcett 2006), so that the number of candidates does not matter.
    """
    cosines_BB = left_BD @ right_BD.T
    wrong_BB = groups_B[:, None] != groups_B[None]
    shares = []
    for one in (cosines_BB, cosines_BB.T):
        ahead = (one.diagonal()[:, None] > one).float() + 0.5 * (one.diagonal()[:, None] == one).float()
        shares.append((ahead * wrong_BB).sum() / wrong_BB.sum().clamp(min=1))
    return torch.stack(shares).mean()


def held_out_plan(pools: dict[str, Pool], plan: Plan) -> Plan | None:
    """A plan like that of the training over the held-out pools; None where they are too small for one batch."""
    try:
        return Plan(
            pools=pools, mixture=plan.mixture, batch_size=plan.batch_size, view_digest=plan.view_digest, seed=plan.seed
        )
    except RecipeError:
        return None
