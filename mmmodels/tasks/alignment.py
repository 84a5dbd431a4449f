"""Pretraining of the aligner: pairs and triples of one view."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mmmodels.alignment.model import Batch, TriModal
from mmmodels.planning import Pool
from mmmodels.preparing import Prepared
from mmmodels.recipes import Recipe
from pipelines.curation.splits import Split

MODALITIES = {
    "triple": ("image", "text", "audio"),
    "image_text": ("image", "text"),
    "audio_text": ("audio", "text"),
    "image_audio": ("image", "audio"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class AlignmentTask:
    """Pools, batches and the model of contrastive pretraining."""

    recipe: Recipe
    data: Prepared

    def build(self) -> nn.Module:
        """The untrained model."""
        return TriModal(self.recipe.model)

    def pools(self) -> dict[str, Pool]:
        """Whole triples, all texts of each image, and the pairs of samples that lack the third modality."""
        data, train = self.data, self.data.in_split(Split.TRAIN)
        image, text, audio = (train & data.has(modality) for modality in ("image", "text", "audio"))
        return {
            "triple": data.pool(image & text & audio),
            "image_text": data.image_texts(),
            "audio_text": data.pool(audio & text & ~image),
            "image_audio": data.pool(image & audio & ~text),
        }

    def batch(self, kind: str, entries: NDArray[np.int64]) -> Batch:
        """Decoded media of one rank's entries."""
        media = {modality: torch.from_numpy(self.data.inputs(modality, entries)) for modality in MODALITIES[kind]}
        return Batch(media=media, groups_B=torch.from_numpy(self.data.groups[entries[:, 0]]))
