"""Masked tokens (BERT, Devlin et al. 2019): a text is read both ways, its hidden tokens are named.

A causal tower learns this without its mask, with the weights that it reads causally afterwards; to keep reading both
ways set model.text.attention=bidirectional in what follows too.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmmodels.reconstruction.masking import disturbed, hidden_tokens
from mmmodels.towers.text import TextTower

# Shapes: B batch, L tokens, W width, V vocabulary.


class MaskedText(nn.Module):
    """Predicts hidden tokens, scored against the embeddings they came from, or a teacher's vectors of them."""

    def __init__(self, tower: TextTower, *, share: float, shows_features: bool) -> None:
        super().__init__()
        width, self.share = tower.config.width, share
        self.mask_W = nn.Parameter(torch.randn(width) * 0.02)
        self.leaving = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width), nn.Linear(width, width))
        self.bias_V = None if shows_features else nn.Parameter(torch.zeros(tower.config.vocab_size))

    def forward(self, tower: TextTower, ids_BL: Tensor, keys_B: Tensor) -> tuple[Tensor, Tensor]:
        """(B, L, V) logits or (B, L, W) vectors, and which places were hidden."""
        hidden_BL = hidden_tokens(ids_BL, keys_B, share=self.share)
        given_BL, masked_BL = disturbed(ids_BL, hidden_BL, keys_B)
        places_BLW, _ = tower.places(given_BL, hidden_BL=masked_BL, mask_W=self.mask_W, sees_all=True)
        vectors_BLW = self.leaving(places_BLW)
        if self.bias_V is None:
            return vectors_BLW, hidden_BL
        return vectors_BLW @ tower.embedding.weight.T + self.bias_V, hidden_BL

    def errors(self, tower: TextTower, ids_BL: Tensor, keys_B: Tensor, teacher: TextTower | None) -> Tensor:
        """(B,): nats, or squares of standardised features, of each hidden token; zero of a text without tokens."""
        predicted, hidden_BL = self(tower, ids_BL, keys_B)
        if teacher is None:
            errors_BL = functional.cross_entropy(predicted.float().transpose(1, 2), ids_BL, reduction="none")
        else:
            with torch.no_grad():
                places_BLW, _ = teacher.places(ids_BL, sees_all=True)
                wanted_BLW = functional.layer_norm(places_BLW, places_BLW.shape[-1:])
            errors_BL = (predicted.float() - wanted_BLW.float()).square().mean(dim=2)
        sums_B: Tensor = (errors_BL * hidden_BL).sum(dim=1)
        errors_B: Tensor = sums_B / hidden_BL.sum(dim=1).clamp(min=1)
        return errors_B
