"""An exponential moving average of the weights (Polyak & Juditsky 1992), for evaluation and export."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """Averages what learns; buffers such as the statistics of a batch norm are those of the model.

    The first steps count more, (1 + n) / (10 + n) at most, so that the start is forgotten.
    """

    def __init__(self, model: nn.Module, *, decay: float) -> None:
        self.decay = decay
        self.num_updates = 0
        self.shadow = {name: value.detach().clone() for name, value in _learning(model)}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """After a step of the optimiser; the same on every rank, as the weights are."""
        self.num_updates += 1
        decay = min(self.decay, (1 + self.num_updates) / (10 + self.num_updates))
        torch._foreach_lerp_(list(self.shadow.values()), [value.detach() for _, value in _learning(model)], 1 - decay)

    @contextmanager
    def swapped_into(self, model: nn.Module) -> Iterator[None]:
        """The model has the averaged weights inside, and its own again behind, whatever happens."""
        own = {name: value.detach().clone() for name, value in _learning(model)}
        _put(self.shadow, model)
        try:
            yield
        finally:
            _put(own, model)

    def state_dict(self) -> dict[str, object]:
        """For a checkpoint; tensors and one integer."""
        return {"num_updates": self.num_updates, "shadow": dict(self.shadow)}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Exactly the weights that learn; KeyError where one is missing."""
        shadow, updates = state["shadow"], state["num_updates"]
        assert isinstance(shadow, Mapping)
        assert isinstance(updates, int)
        for name, value in self.shadow.items():
            value.copy_(shadow[name])
        self.num_updates = updates


def _learning(model: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return [(name, value) for name, value in model.named_parameters() if value.requires_grad]


@torch.no_grad()
def _put(weights: Mapping[str, Tensor], model: nn.Module) -> None:
    for name, value in _learning(model):
        value.copy_(weights[name])
