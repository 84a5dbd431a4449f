"""Our own aligner as a scoring model: the towers of a bundle."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from mmmodels.alignment.aligner import Aligner
from mmmodels.batches import decode_clip, decode_image
from mmmodels.encoders.probes import clip_probe, image_probe
from mmmodels.inference import Tower
from mmmodels.towers.tokenizers import tokenize
from pipelines.samples import Modality

_TOKENS_STEP = 4
"""Texts are cut to a multiple of it: few shapes, little padding."""


def towers_of(aligner: Aligner, device: torch.device) -> Mapping[Modality, Tower]:
    """Of the modalities that it has."""
    model, config = aligner.model.to(device), aligner.model.config

    def prepare_text(text: str) -> Tensor:
        ids_L = tokenize(aligner.tokenizer, [text], config=config.text)[0]
        num_tokens = int(ids_L.argmax()) + 1
        return ids_L[: min(len(ids_L), -(-num_tokens // _TOKENS_STEP) * _TOKENS_STEP)]

    towers = {
        Modality.IMAGE: Tower(
            prepare=_as_tensor(partial(decode_image, config=config.image)),
            forward=partial(model.embed, "image"),
            probe=image_probe(),
        ),
        Modality.TEXT: Tower(
            prepare=prepare_text,
            forward=partial(model.embed, "text", trims=False),
            probe="a red circle and a blue square",
        ),
        Modality.AUDIO: Tower(
            prepare=_as_tensor(partial(decode_clip, config=config.audio)),
            forward=partial(model.embed, "audio"),
            probe=clip_probe(),
        ),
    }
    return {modality: tower for modality, tower in towers.items() if modality.value in config.modalities}


def _as_tensor(decode: Callable[[bytes], Any]) -> Callable[[bytes], Tensor]:
    return lambda data: torch.from_numpy(decode(data))
