"""The text tower, up to the longest text of a batch: open_clip's Transformer, recurrent or convolutional network."""

from contextlib import nullcontext
from typing import Any, cast

import torch
from open_clip.transformer import QuickGELU, TextTransformer
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from mmmodels.recipes import TextConfig
from mmmodels.towers.recurrent import SequenceText

# Shapes: B batch, L tokens, W width, D embedding.


class TextTower(nn.Module):
    """Texts as ids (B, L) to embeddings (B, D), not normalised; L may be less than the context length."""

    has_tokens = True

    def __init__(self, config: TextConfig, *, output_dim: int | None) -> None:
        super().__init__()
        self.config = config
        self.output_dim: int = output_dim or config.width
        if config.architecture != "transformer":
            self.network = SequenceText(
                config.architecture,
                vocab_size=config.vocab_size,
                width=config.width,
                layers=config.layers,
                output_dim=self.output_dim,
            )
            return
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
        return self._projected(self._pooled(*self.places(ids_BL)))

    def tokens(self, ids_BL: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pooled (B, D), tokens (B, context_length, D) in the same space, and which of them count.

        Filled up to the context length: ranks exchange them, and their longest texts differ.
        """
        hidden_BLW, there_BL = self.places(ids_BL)
        tokens_BLD, pooled_BD = self._projected(hidden_BLW), self._projected(self._pooled(hidden_BLW, there_BL))
        missing = self.config.context_length - ids_BL.shape[1]
        return pooled_BD, functional.pad(tokens_BLD, (0, 0, 0, missing)), functional.pad(there_BL, (0, missing))

    def places(
        self, ids_BL: Tensor, *, hidden_BL: Tensor | None = None, mask_W: Tensor | None = None, sees_all: bool = False
    ) -> tuple[Tensor, Tensor]:
        """(B, L, W) before the projection, and bool (B, L) up to the end of each text: at the highest id.

        Tokens of `hidden_BL` are replaced by `mask_W`; `sees_all` lets a causal Transformer look both ways.
        """
        embedded_BLW = self.embedding(ids_BL)
        if hidden_BL is not None:
            assert mask_W is not None
            embedded_BLW = torch.where(hidden_BL[:, :, None], mask_W.to(embedded_BLW.dtype), embedded_BLW)
        ends_B = ids_BL.argmax(dim=1)
        there_BL = torch.arange(ids_BL.shape[1], device=ids_BL.device)[None] <= ends_B[:, None]
        if self.config.architecture != "transformer":
            return self.network(embedded_BLW, ends_B + 1), there_BL
        looks_back = self.config.attention == "causal" and not sees_all
        return self._transformed(embedded_BLW, None if looks_back else there_BL), there_BL

    @property
    def embedding(self) -> nn.Embedding:
        """Of the tokens."""
        parts: Any = self.transformer if self.config.architecture == "transformer" else self.network
        return cast("nn.Embedding", parts.token_embedding)

    def _transformed(self, hidden_BLW: Tensor, there_BL: Tensor | None) -> Tensor:
        """(B, L, W): causal, or all that is there is seen from everywhere."""
        tower, length = cast("Any", self.transformer), hidden_BLW.shape[1]
        if there_BL is None:
            mask = tower.attn_mask[:length, :length]
        else:
            hidden_BLL = torch.where(there_BL, 0.0, -torch.inf)[:, None, :].expand(-1, length, -1)
            mask = hidden_BLL.repeat_interleave(self.config.heads, dim=0)
        # On short sequences the plain product is faster on a processor than its flash kernel (a third of the step).
        with sdpa_kernel(SDPBackend.MATH) if hidden_BLW.device.type == "cpu" else nullcontext():
            hidden_BLW = tower.transformer(hidden_BLW + tower.positional_embedding[:length], attn_mask=mask)
        return cast("Tensor", tower.ln_final(hidden_BLW))

    def _pooled(self, hidden_BLW: Tensor, there_BL: Tensor) -> Tensor:
        """(B, W): a Transformer's end token; the mean of the others' places."""
        if self.config.architecture == "transformer":
            return hidden_BLW[torch.arange(len(hidden_BLW), device=hidden_BLW.device), there_BL.sum(dim=1) - 1]
        there_BL1 = there_BL[:, :, None].to(hidden_BLW.dtype)
        return (hidden_BLW * there_BL1).sum(dim=1) / there_BL1.sum(dim=1)

    def _projected(self, hidden: Tensor) -> Tensor:
        if self.config.architecture == "transformer":
            return cast("Tensor", hidden @ cast("Any", self.transformer).text_projection)
        return cast("Tensor", self.network.projection(hidden))


def trimmed(ids_BL: Tensor, *, multiple: int = 1) -> Tensor:
    """The ids up to the longest text of the batch, its length rounded up to a multiple.

    Exact: what stands behind the end of a text, its highest id, is seen from no place and pooled by none.
    """
    longest = int(ids_BL.argmax(dim=1).max()) + 1 if len(ids_BL) else 0
    return ids_BL[:, : -(-longest // multiple) * multiple]
