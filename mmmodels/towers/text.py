"""The text tower: open_clip's causal Transformer, over as many tokens as the longest text of a batch has."""

from contextlib import nullcontext
from typing import Any, cast

import torch
from open_clip.transformer import QuickGELU, TextTransformer
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from mmmodels.recipes import TextConfig

# Shapes: B batch, L tokens, W width, D embedding.


class TextTower(nn.Module):
    """Texts as ids (B, L) to embeddings (B, D), not normalised; L may be less than the context length."""

    def __init__(self, config: TextConfig, *, output_dim: int | None) -> None:
        super().__init__()
        self.config = config
        self.output_dim: int = output_dim or config.width
        self.transformer = TextTransformer(
            context_length=config.context_length,
            vocab_size=config.vocab_size,
            width=config.width,
            heads=config.heads,
            layers=config.layers,
            output_dim=self.output_dim,
            pool_type="argmax",
            act_layer=QuickGELU if config.quick_gelu else nn.GELU,
        )

    def forward(self, ids_BL: Tensor) -> Tensor:
        hidden_BLW, ends_B = self._hidden(ids_BL)
        ends_BW = hidden_BLW[torch.arange(len(ids_BL), device=ids_BL.device), ends_B]
        return cast("Tensor", ends_BW @ cast("Any", self.transformer).text_projection)

    def tokens(self, ids_BL: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pooled (B, D), tokens (B, context_length, D) in the same space, and which of them count.

        Filled up to the context length: ranks exchange them, and their longest texts differ.
        """
        hidden_BLW, ends_B = self._hidden(ids_BL)
        tokens_BLD = hidden_BLW @ cast("Any", self.transformer).text_projection
        pooled_BD = tokens_BLD[torch.arange(len(ids_BL), device=ids_BL.device), ends_B]
        there_BL = torch.arange(ids_BL.shape[1], device=ids_BL.device)[None] <= ends_B[:, None]
        missing = self.config.context_length - ids_BL.shape[1]
        return pooled_BD, functional.pad(tokens_BLD, (0, 0, 0, missing)), functional.pad(there_BL, (0, missing))

    def _hidden(self, ids_BL: Tensor) -> tuple[Tensor, Tensor]:
        """(B, L, W), and where each text ends: at the highest id."""
        tower, length = cast("Any", self.transformer), ids_BL.shape[1]
        # On short sequences the plain product is faster on a processor than its flash kernel (a third of the step).
        with sdpa_kernel(SDPBackend.MATH) if ids_BL.device.type == "cpu" else nullcontext():
            hidden_BLW = tower.token_embedding(ids_BL) + tower.positional_embedding[:length]
            hidden_BLW = tower.transformer(hidden_BLW, attn_mask=tower.attn_mask[:length, :length])
        return tower.ln_final(hidden_BLW), ids_BL.argmax(dim=1)


def trimmed(ids_BL: Tensor, *, multiple: int = 1) -> Tensor:
    """The ids up to the longest text of the batch, its length rounded up to a multiple.

    Exact: the mask is causal, and the token that is pooled, the highest id, stands before all padding.
    """
    longest = int(ids_BL.argmax(dim=1).max()) + 1 if len(ids_BL) else 0
    return ids_BL[:, : -(-longest // multiple) * multiple]
