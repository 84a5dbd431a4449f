"""What a language model looks at besides text: its tokens, and how layers of the decoder get at them."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from mmmodels.generative.attention import GatedBlock
from mmmodels.generative.language_models import layers_of

# Shapes: B batch, M memory, W width, L tokens, N beams.


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """Tokens of all modalities, one after the other."""

    tokens_BMW: Tensor
    there_BM: Tensor
    """Which of them count."""
    keys_values: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)
    """Of each cross-attention, made when it is first asked: a generation asks at every token."""

    def repeated(self, times: int) -> "Memory":
        """Every sample so many times in a row, as beams stand."""
        if times == 1:
            return self
        tokens, there = (value.repeat_interleave(times, dim=0) for value in (self.tokens_BMW, self.there_BM))
        return Memory(tokens_BMW=tokens, there_BM=there)


# Not a field of the model: threads that share one have a memory each.
_ATTENDED: ContextVar[Memory | None] = ContextVar("attended", default=None)


@contextmanager
def attending(memory: Memory | None) -> Iterator[None]:
    """Inside, cross-attention looks at this memory; with None it is left out."""
    token = _ATTENDED.set(memory)
    try:
        yield
    finally:
        _ATTENDED.reset(token)


class CrossAttention(nn.Module):
    """Blocks between the layers of a language model, which keeps all its names: they are called by hooks."""

    def __init__(self, language_model: Any, *, width: int, heads: int, every: int, gated: bool) -> None:
        super().__init__()
        layers = layers_of(language_model)
        self.places = list(range(0, len(layers), every))
        self.blocks = nn.ModuleList([GatedBlock(width, heads=heads, gated=gated) for _ in self.places])
        for number, place in enumerate(self.places):
            layers[place].register_forward_pre_hook(self._hook(number), with_kwargs=True)

    def _hook(self, number: int) -> Any:
        def look(_layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            memory = _ATTENDED.get()
            if memory is None:
                return None
            if args:
                return (self._looked(number, args[0], memory), *args[1:]), kwargs
            return args, kwargs | {"hidden_states": self._looked(number, kwargs["hidden_states"], memory)}

        return look

    def _looked(self, number: int, hidden_BLW: Tensor, memory: Memory) -> Tensor:
        block: Any = self.blocks[number]
        found = memory.keys_values.get(number)
        if found is None:
            found = block.attention.keys_values(memory.tokens_BMW)
            if not torch.is_grad_enabled():
                memory.keys_values[number] = found
        looked: Tensor = block(hidden_BLW, *found, memory.there_BM)
        return looked
