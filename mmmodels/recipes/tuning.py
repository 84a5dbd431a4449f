"""How much of a model learns when it starts from another one, and from how many labels."""

from dataclasses import dataclass
from typing import Literal

from mmmodels.errors import RecipeError


@dataclass(frozen=True, kw_only=True, slots=True)
class TuningConfig:
    """What is done to the model once it is built and its parent's weights are in it."""

    kind: Literal["full", "frozen", "probe", "lora"] = "full"
    """full: as the towers' own `trained` says. frozen: towers are locked, what stands on them learns. probe: as frozen,
    and only the last linear layer learns. lora: low-rank adapters in the towers (Hu et al. 2021), and what stands on
    them; the bundle holds the merged weights, and `adapter` beside it what was learnt."""
    rank: int = 4
    """Of the adapters."""
    labels_per_class: int = 0
    """Samples of each label that are trained on, of as many concepts as there are; 0 = all."""

    def __post_init__(self) -> None:
        if self.rank < 1 or self.labels_per_class < 0:
            raise RecipeError(
                f"tuning.rank={self.rank}, tuning.labels_per_class={self.labels_per_class}: expected a rank of 1 or "
                "more, and no fewer labels than 0. Raise them."
            )
