"""Projection heads on top of a tower: from its features into the shared space."""

from torch import nn


def build_head(kind: str, *, features: int, embed_dim: int) -> nn.Module:
    """linear: one matrix. mlp: two layers, as CLAP's (Wu et al. 2023) and SimCLR's."""
    if kind == "linear":
        return nn.Linear(features, embed_dim, bias=False)
    return nn.Sequential(nn.Linear(features, embed_dim), nn.ReLU(), nn.Linear(embed_dim, embed_dim))
