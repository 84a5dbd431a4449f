"""Any task, fine-tuned: its model is tuned when it is built, its labels may be few."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from mmmodels.alignment.batch import Batch
from mmmodels.errors import RecipeError
from mmmodels.loading import Reading
from mmmodels.planning import Pool
from mmmodels.preparing import Rows
from mmmodels.recipes import Recipe
from mmmodels.tasks.task import Task
from mmmodels.tuning.freezing import trained_share, tune
from mmmodels.tuning.labels import few


@dataclass(frozen=True, kw_only=True, slots=True)
class TunedTask:
    """A task with `recipe.tuning` applied."""

    inner: Task
    recipe: Recipe
    data: Rows

    def build(self) -> nn.Module:
        """The model at step 0, and a line that says how much of it learns."""
        model = tune(self.inner.build(), self.recipe.tuning)
        share = trained_share(model)
        sys.stderr.write(
            f"{self.recipe.name}: tuning.kind={self.recipe.tuning.kind} trains {share:.2%} of the weights\n"
        )
        return model

    def pools(self) -> dict[str, Pool]:
        """Those of the task, or few labels of them."""
        pools, num = self.inner.pools(), self.recipe.tuning.labels_per_class
        if not num:
            return pools
        labels = np.array(self.data.column("label"), dtype=object)
        if self.recipe.task not in ("classify", "sentiment"):
            raise RecipeError(f"tuning.labels_per_class={num}: the task {self.recipe.task} has no labels. Set it to 0.")
        return {kind: few(pool, labels, per_class=num, seed=self.recipe.training.seed) for kind, pool in pools.items()}

    def held_out_pools(self) -> dict[str, Pool]:
        """All of them: few labels are few to learn from."""
        return self.inner.held_out_pools()

    def modalities(self, kind: str) -> Sequence[str]:
        """Those of the task."""
        return self.inner.modalities(kind)

    def batch(self, reading: Reading) -> Batch:
        """That of the task."""
        return self.inner.batch(reading)

    def facts(self) -> Mapping[str, Any]:
        """Those of the task."""
        return self.inner.facts()


def tuned(task: Task, recipe: Recipe, data: Rows) -> Task:
    """The task itself where nothing is asked of it."""
    plain = recipe.tuning.kind == "full" and not recipe.tuning.labels_per_class
    return task if plain else TunedTask(inner=task, recipe=recipe, data=data)
