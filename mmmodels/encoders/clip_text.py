"""The texts of an open_clip model, without the padding behind them where that changes nothing."""

from functools import partial
from typing import Any, cast

import torch
from open_clip.model import CLIP
from torch import Tensor, nn

from mmmodels.inference import Tower

# Shapes: B texts, L tokens, D embedding.
_TOKENS_STEP = 8
_PROBE = "a red circle and a blue square"


def text_tower(model: Any, tokenizer: Any) -> Tower:
    """Captions of ten words make a model of 77 tokens do six times the work: they are cut where the mask is causal."""
    if not _is_causal(model):
        return Tower(prepare=lambda text: cast("Tensor", tokenizer([text])[0]), forward=model.encode_text, probe=_PROBE)

    def prepare(text: str) -> Tensor:
        ids_L: Tensor = tokenizer([text])[0]
        num_tokens = int(ids_L.argmax()) + 1  # to the end token, the highest id, where the vector is taken
        return ids_L[: -(-num_tokens // _TOKENS_STEP) * _TOKENS_STEP]

    return Tower(prepare=prepare, forward=partial(_encode_cut, model), probe=_PROBE)


def _is_causal(model: Any) -> bool:
    """Whether nothing behind the token that is pooled can reach it."""
    return type(model) is CLIP and model.attn_mask is not None and model.text_pool_type == "argmax"


def _encode_cut(model: Any, ids_BL: Tensor) -> Tensor:
    """As `CLIP.encode_text`, over fewer positions."""
    length = ids_BL.shape[1]
    hidden = model.token_embedding(ids_BL) + model.positional_embedding[:length]
    hidden = model.ln_final(model.transformer(hidden, attn_mask=model.attn_mask[:length, :length]))
    pooled_BW = hidden[torch.arange(len(ids_BL), device=ids_BL.device), ids_BL.argmax(dim=1)]
    projection = model.text_projection
    if projection is None:
        return cast("Tensor", pooled_BW)
    return cast("Tensor", projection(pooled_BW) if isinstance(projection, nn.Linear) else pooled_BW @ projection)
