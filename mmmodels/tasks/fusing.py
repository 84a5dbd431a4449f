"""Three ways from the vectors and tokens of several modalities to logits of labels; any of them may be absent."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor, nn

from mmmodels.recipes import FusionConfig

# Shapes: B batch, T tokens of a modality, S places of the memory, L labels, D embedding, W width.


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What a tower made of one modality of a batch."""

    vectors_BD: Tensor
    """Unit vectors."""
    tokens_BTD: Tensor | None = None
    """Unit vectors of its places; none where the tower has no tokens, or they are not asked for."""
    there_BT: Tensor | None = None
    """Which of the tokens count."""


def build_fusion(config: FusionConfig, *, modalities: Sequence[str], embed_dim: int, num_labels: int) -> nn.Module:
    """Called with (modality -> Seen, modality -> (B,) whether it counts), gives logits (B, L)."""
    kinds: dict[str, type[Concatenation | SelfAttention | LabelQueries]] = {
        "concat": Concatenation,
        "attention": SelfAttention,
        "encoder_decoder": LabelQueries,
    }
    return kinds[config.kind](config, modalities=modalities, embed_dim=embed_dim, num_labels=num_labels)


class Concatenation(nn.Module):
    """Pooled vectors and their products side by side (a learned vector for what is absent), then two layers."""

    def __init__(self, config: FusionConfig, *, modalities: Sequence[str], embed_dim: int, num_labels: int) -> None:
        super().__init__()
        self.pairs = _pairs(modalities, config)
        self.absent = nn.ParameterDict({name: nn.Parameter(torch.zeros(embed_dim)) for name in modalities})
        features = (len(modalities) + len(self.pairs)) * embed_dim
        self.head = nn.Sequential(
            nn.Linear(features, 2 * config.width), nn.GELU(), nn.Linear(2 * config.width, num_labels)
        )

    def forward(self, seen: Mapping[str, Seen], present: Mapping[str, Tensor]) -> Tensor:
        parts = [
            torch.where(present[name][:, None], _scaled(seen[name].vectors_BD), absent_D)
            for name, absent_D in self.absent.items()
        ]
        for pair in self.pairs:
            both_B1 = (present[pair[0]] & present[pair[1]])[:, None]
            parts.append(_product(seen, pair) * both_B1)
        logits_BL: Tensor = self.head(torch.cat(parts, dim=1))
        return logits_BL


class Memory(nn.Module):
    """Everything that is there as one sequence: a place that always is, vectors, products, tokens, each marked."""

    def __init__(self, config: FusionConfig, *, modalities: Sequence[str], embed_dim: int) -> None:
        super().__init__()
        self.pairs = _pairs(modalities, config)
        names = [*modalities, *("_".join(pair) for pair in self.pairs), *(f"{name}_tokens" for name in modalities)]
        # Without a place that is always there, a sample of which everything is hidden would attend to nothing: NaN.
        self.start_W = nn.Parameter(torch.zeros(config.width))
        self.marks = nn.ParameterDict({name: nn.Parameter(0.02 * torch.randn(config.width)) for name in names})
        self.vectors = nn.Linear(embed_dim, config.width)
        self.products = nn.Linear(embed_dim, config.width)
        self.tokens = nn.Linear(embed_dim, config.width)

    def forward(self, seen: Mapping[str, Seen], present: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """(B, S, W), and (B, S) which places are to be left out of sight."""
        any_B = next(iter(present.values()))
        places = [self.start_W.expand(len(any_B), 1, -1)]
        counts = [torch.ones_like(any_B)[:, None]]
        for name in present:
            places.append((self.vectors(_scaled(seen[name].vectors_BD)) + self.marks[name])[:, None])
            counts.append(present[name][:, None])
        for pair in self.pairs:
            places.append((self.products(_product(seen, pair)) + self.marks["_".join(pair)])[:, None])
            counts.append((present[pair[0]] & present[pair[1]])[:, None])
        for name in present:
            tokens_BTD, there_BT = seen[name].tokens_BTD, seen[name].there_BT
            if tokens_BTD is not None and there_BT is not None:
                places.append(self.tokens(_scaled(tokens_BTD)) + self.marks[f"{name}_tokens"])
                counts.append(there_BT & present[name][:, None])
        return torch.cat(places, dim=1), ~torch.cat(counts, dim=1)


class SelfAttention(nn.Module):
    """A Transformer over the memory; the place that is always there answers."""

    def __init__(self, config: FusionConfig, *, modalities: Sequence[str], embed_dim: int, num_labels: int) -> None:
        super().__init__()
        self.memory = Memory(config, modalities=modalities, embed_dim=embed_dim)
        self.encoder = _encoder(config)
        self.head = nn.Linear(config.width, num_labels)

    def forward(self, seen: Mapping[str, Seen], present: Mapping[str, Tensor]) -> Tensor:
        memory_BSW, hidden_BS = self.memory(seen, present)
        logits_BL: Tensor = self.head(self.encoder(memory_BSW, src_key_padding_mask=hidden_BS)[:, 0])
        return logits_BL


class LabelQueries(nn.Module):
    """A Transformer over the memory, and a decoder in which one query for each label looks into it."""

    def __init__(self, config: FusionConfig, *, modalities: Sequence[str], embed_dim: int, num_labels: int) -> None:
        super().__init__()
        width = config.width
        self.memory = Memory(config, modalities=modalities, embed_dim=embed_dim)
        self.encoder = _encoder(config)
        self.queries_LW = nn.Parameter(torch.randn(num_labels, width) / math.sqrt(width))
        layer = nn.TransformerDecoderLayer(
            width, config.heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.decoder = nn.TransformerDecoder(layer, config.layers, norm=nn.LayerNorm(width))
        self.head = nn.Linear(width, 1)

    def forward(self, seen: Mapping[str, Seen], present: Mapping[str, Tensor]) -> Tensor:
        memory_BSW, hidden_BS = self.memory(seen, present)
        memory_BSW = self.encoder(memory_BSW, src_key_padding_mask=hidden_BS)
        queries_BLW = self.queries_LW.expand(len(memory_BSW), -1, -1)
        answers_BLW = self.decoder(queries_BLW, memory_BSW, memory_key_padding_mask=hidden_BS)
        logits_BL: Tensor = self.head(answers_BLW)[:, :, 0]
        return logits_BL


def _encoder(config: FusionConfig) -> nn.TransformerEncoder:
    """No dropout: its draws would hang on how the samples lie on the ranks."""
    width = config.width
    layer = nn.TransformerEncoderLayer(
        width, config.heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
    return nn.TransformerEncoder(layer, config.layers, norm=nn.LayerNorm(width), enable_nested_tensor=False)


def _pairs(modalities: Sequence[str], config: FusionConfig) -> list[tuple[str, str]]:
    return list(combinations(modalities, 2)) if config.products else []


def _scaled(units: Tensor) -> Tensor:
    """Elements of about unit variance."""
    return units * math.sqrt(units.shape[-1])


def _product(seen: Mapping[str, Seen], pair: tuple[str, str]) -> Tensor:
    """(B, D), whose mean is the cosine of the two; elements of about unit variance."""
    return _scaled(seen[pair[0]].vectors_BD) * _scaled(seen[pair[1]].vectors_BD)
