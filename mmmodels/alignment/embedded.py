"""A modality of a batch in the shared space, and how given gradients are sent into what it was made from."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

# Shapes: B batch, T tokens, D embedding.


@dataclass(frozen=True, kw_only=True, slots=True)
class Embedded:
    """Unit vectors, and the tokens where the model compares them."""

    vectors_BD: Tensor
    tokens_BTD: Tensor | None = None
    there_BT: Tensor | None = None
    """Which tokens count."""

    def learning(self) -> list[Tensor]:
        """The tensors that have a gradient."""
        return [tensor for tensor in (self.vectors_BD, self.tokens_BTD) if tensor is not None]

    def side(self) -> tuple[Tensor, Tensor]:
        """Tokens and which of them count, of a model that compares them."""
        assert self.tokens_BTD is not None
        assert self.there_BT is not None
        return self.tokens_BTD, self.there_BT


def spread(
    embedded: Mapping[str, Embedded], parameters: Mapping[str, nn.Parameter], gradients: Mapping[str, list[Tensor]]
) -> Tensor:
    """The sum of products with given gradients: its own gradients are those."""
    values = {name: part.learning() for name, part in embedded.items()}
    values |= {name: [parameter] for name, parameter in parameters.items()}
    products = [
        (value * gradient).sum()
        for name, parts in gradients.items()
        for value, gradient in zip(values[name], parts, strict=True)
    ]
    return torch.stack(products).sum()
