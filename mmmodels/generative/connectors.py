"""From an encoder's tokens to those of the language model: as many, fewer, or a fixed number of them."""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmmodels.generative.attention import Attention, EncoderBlock, FeedForward
from mmmodels.generative.positions import Encoded
from mmmodels.recipes import GeneratorConfig

# Shapes: B batch, T tokens, K features of the encoder, W width of the language model, Q queries, N frames.


class Projection(nn.Module):
    """linear: one matrix (Frozen, Tsimpoukelli et al. 2021). mlp: two layers (LLaVA 1.5, Liu et al. 2024)."""

    def __init__(self, features: int, width: int, *, layers: int) -> None:
        super().__init__()
        second = [nn.GELU(), nn.Linear(width, width)] if layers == 2 else []
        self.layers = nn.Sequential(nn.Linear(features, width), *second)

    def forward(self, encoded: Encoded) -> tuple[Tensor, Tensor]:
        return self.layers(encoded.tokens_BTK), encoded.there_BT


class Pooling(nn.Module):
    """Means over squares of the grid (over stretches, where it has one row), then one matrix."""

    def __init__(self, features: int, width: int, *, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.projection = nn.Linear(features, width)

    def forward(self, encoded: Encoded) -> tuple[Tensor, Tensor]:
        there_BT1 = encoded.there_BT[:, :, None].to(encoded.tokens_BTK.dtype)
        sums, counts = (self._pooled(value, encoded.grid) for value in (encoded.tokens_BTK * there_BT1, there_BT1))
        means_BTK = sums / counts.clamp(min=1e-6)
        return self.projection(means_BTK), counts[:, :, 0] > 0

    def _pooled(self, value_BTK: Tensor, grid: tuple[int, int]) -> Tensor:
        rows, columns = grid
        size, num, features = value_BTK.shape
        maps = value_BTK.reshape(size * num // (rows * columns), rows, columns, features).permute(0, 3, 1, 2)
        strides = (min(self.stride, rows), min(self.stride, columns))
        pooled = functional.avg_pool2d(maps, strides, ceil_mode=True, count_include_pad=False)
        return pooled.flatten(2).transpose(1, 2).reshape(size, -1, features)


class Resampler(nn.Module):
    """Learnt queries that read the tokens: the Perceiver resampler of Flamingo (Alayrac et al. 2022, figure 5)."""

    def __init__(self, features: int, config: GeneratorConfig) -> None:
        super().__init__()
        width = config.width
        self.projection = nn.Linear(features, width)
        self.queries_QW = nn.Parameter(torch.randn(config.connector_tokens, width) * 0.02)
        self.layers = nn.ModuleList(
            [_ResamplerLayer(width, heads=config.heads) for _ in range(config.connector_layers)]
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, encoded: Encoded) -> tuple[Tensor, Tensor]:
        tokens_BTW = self.projection(encoded.tokens_BTK)
        hidden_BQW = self.queries_QW[None].expand(len(tokens_BTW), -1, -1)
        for layer in self.layers:
            hidden_BQW = layer(hidden_BQW, tokens_BTW, encoded.there_BT)
        return self.norm(hidden_BQW), _asked(encoded, hidden_BQW)


class _ResamplerLayer(nn.Module):
    def __init__(self, width: int, *, heads: int) -> None:
        super().__init__()
        self.query_norm, self.token_norm, self.feed_norm = (nn.LayerNorm(width) for _ in range(3))
        self.attention = Attention(width, heads=heads)
        self.feed = FeedForward(width)

    def forward(self, hidden_BQW: Tensor, tokens_BTW: Tensor, there_BT: Tensor) -> Tensor:
        normal_BQW = self.query_norm(hidden_BQW)
        # Queries are among the keys, as published.
        memory = torch.cat([self.token_norm(tokens_BTW), normal_BQW], dim=1)
        there = torch.cat([there_BT, torch.ones_like(normal_BQW[:, :, 0], dtype=torch.bool)], dim=1)
        hidden_BQW = hidden_BQW + self.attention(normal_BQW, memory, there)
        return hidden_BQW + cast("Tensor", self.feed(self.feed_norm(hidden_BQW)))


class QFormer(nn.Module):
    """Learnt queries that attend to each other and to the tokens in turn (BLIP-2, Li et al. 2023)."""

    def __init__(self, features: int, config: GeneratorConfig) -> None:
        super().__init__()
        width, num = config.width, config.connector_layers
        self.projection = nn.Linear(features, width)
        self.queries_QW = nn.Parameter(torch.randn(config.connector_tokens, width) * 0.02)
        self.blocks = nn.ModuleList([EncoderBlock(width, heads=config.heads) for _ in range(num)])
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(num)])
        self.cross = nn.ModuleList([Attention(width, heads=config.heads) for _ in range(num)])
        self.norm = nn.LayerNorm(width)

    def forward(self, encoded: Encoded) -> tuple[Tensor, Tensor]:
        tokens_BTW = self.projection(encoded.tokens_BTK)
        hidden_BQW = self.queries_QW[None].expand(len(tokens_BTW), -1, -1)
        for block, norm, cross in zip(self.blocks, self.norms, self.cross, strict=True):
            hidden_BQW = hidden_BQW + cross(norm(hidden_BQW), tokens_BTW, encoded.there_BT)
            hidden_BQW = block(hidden_BQW)
        return self.norm(hidden_BQW), _asked(encoded, hidden_BQW)


def _asked(encoded: Encoded, hidden_BQW: Tensor) -> Tensor:
    """(B, Q): queries count where there was anything to read."""
    return encoded.there_BT.any(dim=1)[:, None].expand(hidden_BQW.shape[:2])


def build_connector(features: int, config: GeneratorConfig) -> nn.Module:
    """Encoded to tokens (B, M, W) and which of them count (B, M)."""
    built: dict[str, Any] = {
        "linear": lambda: Projection(features, config.width, layers=1),
        "mlp": lambda: Projection(features, config.width, layers=2),
        "pooling": lambda: Pooling(features, config.width, stride=config.pooling_stride),
        "perceiver": lambda: Resampler(features, config),
        "q_former": lambda: QFormer(features, config),
    }
    return cast("nn.Module", built[config.connector]())
