"""A search as a whole: what is tried, under which name it is found again, and what came of it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from mmmodels.errors import RecipeError
from mmmodels.preparing.mixing import Mixture
from mmmodels.recipes import Recipe, find_recipe
from mmmodels.searching.space import Dimension, check, settings_of
from mmmodels.searching.trials import Ledger, Trial
from mmmodels.training.results import key_of, names_of
from pipelines.samples import digest_of

LOSS = "validation_loss"
SCALES_THE_LOSS = ("model.loss", "model.late_weight", "model.hub", "model.modalities", "model.masks_groups", "mixture.")
"""Losses under different values of these are no measure of the same thing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """What is asked."""

    recipe: str
    overrides: dict[str, str]
    dimensions: tuple[Dimension, ...]
    mixture: Mixture
    num_trials: int
    metric: str = LOSS
    mode: Literal["min", "max"] = "min"
    seed: int = 0
    reduction: int = 3
    """Of the trials that reach a rung, one in so many goes on (Li et al. 2020, ASHA)."""
    parent_bundle: str | None = None

    def __post_init__(self) -> None:
        check(self.dimensions, self.base, self.overrides)
        scaling = [one.setting for one in self.dimensions if one.setting.startswith(SCALES_THE_LOSS)]
        batch = [one.setting for one in self.dimensions if one.setting == "training.batch_size"]
        if self.metric.startswith(LOSS) and scaling + batch:
            raise RecipeError(
                f"--metric {self.metric}: losses under different {scaling + batch} cannot be compared. Use --metric "
                "validation_ranking --mode max (how often the right partner scores above a wrong one)."
            )

    @property
    def base(self) -> Recipe:
        return find_recipe(self.recipe, self.overrides)

    @property
    def key(self) -> str:
        """32 hex digits; a search of the same key goes on, with more trials too."""
        space = [asdict(one) for one in self.dimensions]
        parts = [self.recipe, self.overrides, space, self.metric, self.mode, self.seed, self.reduction]
        return digest_of([*parts, names_of(self.mixture), self.mixture.digest, self.parent_bundle])[:32]

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.mixture.layout.tuning(self.key))

    def trials(self, *, parent: str) -> list[Trial]:
        """As they were left, in order of their numbers; `parent` is the digest of the model they start from."""
        found = settings_of(self.dimensions, num_trials=self.num_trials, seed=self.seed)
        return [self.ledger.read(number, one, self._key_of(one, parent)) for number, one in enumerate(found)]

    def _key_of(self, settings: dict[str, str], parent: str) -> str:
        recipe = find_recipe(self.recipe, self.overrides | settings)
        return key_of(recipe, layout=self.mixture.layout, view_digest=self.mixture.digest, parent=parent)


def table_of(trials: Sequence[Trial], best: Trial | None, metric: str) -> list[dict[str, Any]]:
    """A row for each trial, the best one marked."""
    return [
        {
            "trial": f"{trial.number}{' (best)' if trial is best else ''}",
            "state": trial.state,
            "step": trial.last_step,
            metric: trial.objective if trial.objective is not None else trial.error or "not reported",
            **trial.settings,
            "run_key": trial.run_key,
        }
        for trial in trials
    ]
