"""Attention and feed-forward blocks of connectors, memory encoders and cross-attention; peft finds their matrices."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

# Shapes: B batch, Q queries, M memory, W width, K features, H heads, E features of a head.


class Attention(nn.Module):
    """Of queries (B, Q, W) over memory (B, M, K); rows of memory that do not count are never looked at."""

    def __init__(self, width: int, *, heads: int, memory_width: int | None = None) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, width, bias=False)
        self.k_proj = nn.Linear(memory_width or width, width, bias=False)
        self.v_proj = nn.Linear(memory_width or width, width, bias=False)
        self.o_proj = nn.Linear(width, width, bias=False)

    def forward(self, queries_BQW: Tensor, memory_BMK: Tensor, there_BM: Tensor | None = None) -> Tensor:
        return self.over(queries_BQW, *self.keys_values(memory_BMK), there_BM)

    def keys_values(self, memory_BMK: Tensor) -> tuple[Tensor, Tensor]:
        """(B, H, M, E) each: those of a memory that does not change need to be made once."""
        return self._split(self.k_proj(memory_BMK)), self._split(self.v_proj(memory_BMK))

    def over(self, queries_BQW: Tensor, keys: Tensor, values: Tensor, there_BM: Tensor | None) -> Tensor:
        """(B, Q, W); a sample without any memory gets zeros."""
        mask = None if there_BM is None else there_BM[:, None, None, :]
        found = functional.scaled_dot_product_attention(
            self._split(self.q_proj(queries_BQW)), keys, values, attn_mask=mask
        )
        found_BQW = found.transpose(1, 2).flatten(2)
        if there_BM is not None:
            # A softmax over nothing: some kernels give zeros, others not-a-number.
            found_BQW = torch.where(there_BM.any(dim=1)[:, None, None], found_BQW, torch.zeros_like(found_BQW))
        projected: Tensor = self.o_proj(found_BQW)
        return projected

    def _split(self, value_BQW: Tensor) -> Tensor:
        size, length, _ = value_BQW.shape
        return value_BQW.reshape(size, length, self.heads, -1).transpose(1, 2)


class FeedForward(nn.Module):
    """Two layers, four times as wide between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up_proj = nn.Linear(width, 4 * width)
        self.down_proj = nn.Linear(4 * width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        found: Tensor = self.down_proj(functional.gelu(self.up_proj(hidden)))
        return found


class EncoderBlock(nn.Module):
    """Self-attention in both directions and a feed-forward layer, each behind a norm and added."""

    def __init__(self, width: int, *, heads: int) -> None:
        super().__init__()
        self.attention_norm, self.feed_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads=heads)
        self.feed = FeedForward(width)

    def forward(self, hidden_BMW: Tensor, there_BM: Tensor | None = None) -> Tensor:
        normal_BMW = self.attention_norm(hidden_BMW)
        hidden_BMW = hidden_BMW + self.attention(normal_BMW, normal_BMW, there_BM)
        return hidden_BMW + cast("Tensor", self.feed(self.feed_norm(hidden_BMW)))


class GatedBlock(nn.Module):
    """Cross-attention and a feed-forward layer, each times tanh of a gate (Flamingo, Alayrac et al. 2022, figure 4).

    Gates start at zero: a pretrained language model starts as it was. Without gates it is a decoder's plain block.
    """

    def __init__(self, width: int, *, heads: int, gated: bool) -> None:
        super().__init__()
        self.attention_norm, self.feed_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads=heads)
        self.feed = FeedForward(width)
        # Of one dimension: sharding splits no scalars.
        self.gates = nn.ParameterList([nn.Parameter(torch.zeros(1)) for _ in range(2 if gated else 0)])

    def forward(self, hidden_BLW: Tensor, keys: Tensor, values: Tensor, there_BM: Tensor) -> Tensor:
        hidden_BLW = hidden_BLW + self._gated(
            0, self.attention.over(self.attention_norm(hidden_BLW), keys, values, there_BM)
        )
        return hidden_BLW + self._gated(1, self.feed(self.feed_norm(hidden_BLW)))

    def _gated(self, number: int, value: Tensor) -> Tensor:
        return self.gates[number].tanh() * value if len(self.gates) else value
