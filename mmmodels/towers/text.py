"""The text tower: open_clip's Transformer over a byte-level BPE, trimmed to the longest text of a batch."""

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from typing import Any, cast

import torch
from open_clip.transformer import TextTransformer
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from mmmodels.recipes import TextConfig

# Shapes: B batch, L tokens, W width, D embedding.
PAD, START = 0, 1


def train_tokenizer(texts: Iterable[str], *, vocab_size: int) -> Tokenizer:
    """A byte-level BPE of at most `vocab_size` - 1 entries: any text of any script has a tokenisation."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        # The end token is not part of the vocabulary: it must be the highest id for the tower's pooling.
        vocab_size=vocab_size - 1,
        special_tokens=["<pad>", "<start>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    # Sorted and unique: the merges must not depend on the order or the number of workers.
    tokenizer.train_from_iterator(sorted(set(texts)), trainer)
    return tokenizer


def tokenize(tokenizer: Tokenizer, texts: Sequence[str], *, config: TextConfig) -> Tensor:
    """int64 (B, context_length): start, tokens, end, padding; long texts keep their head and the end token."""
    end = config.vocab_size - 1
    ids_BL = torch.full((len(texts), config.context_length), PAD, dtype=torch.int64)
    for row, encoding in enumerate(tokenizer.encode_batch(list(texts))):
        ids = [START, *encoding.ids[: config.context_length - 2], end]
        ids_BL[row, : len(ids)] = torch.tensor(ids)
    return ids_BL


class TextTower(nn.Module):
    """Texts as ids (B, L) to embeddings (B, D), not normalised."""

    def __init__(self, config: TextConfig, *, embed_dim: int) -> None:
        super().__init__()
        self.transformer = TextTransformer(
            context_length=config.context_length,
            vocab_size=config.vocab_size,
            width=config.width,
            heads=config.heads,
            layers=config.layers,
            output_dim=embed_dim,
            pool_type="argmax",
        )

    def forward(self, ids_BL: Tensor, *, trims: bool = True) -> Tensor:
        """Trimming is exact: the mask is causal and the pooled token stands before every padding.

        `trims=False` takes the width as it is, so that the shape does not hang on the longest text of the batch.
        """
        # On short sequences the plain product is faster on a processor than its flash kernel (a third of the step).
        plain = sdpa_kernel(SDPBackend.MATH) if ids_BL.device.type == "cpu" else nullcontext()
        with plain:
            return self._embed(ids_BL, length=int((ids_BL != PAD).sum(dim=1).max()) if trims else ids_BL.shape[1])

    def _embed(self, ids_BL: Tensor, *, length: int) -> Tensor:
        tower = cast("Any", self.transformer)
        ids_BL = ids_BL[:, :length]
        hidden_BLW = tower.token_embedding(ids_BL) + tower.positional_embedding[:length]
        hidden_BLW = tower.ln_final(tower.transformer(hidden_BLW, attn_mask=tower.attn_mask[:length, :length]))
        ends_BW = hidden_BLW[torch.arange(len(ids_BL), device=ids_BL.device), ids_BL.argmax(dim=1)]
        return cast("Tensor", ends_BW @ tower.text_projection)
