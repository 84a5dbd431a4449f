"""A trained classifier as it is used: raw media in, probabilities out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from mmmodels.alignment.bundle import load_weights, read_bundle
from mmmodels.batches import decode_clip, decode_image
from mmmodels.errors import CheckpointError
from mmmodels.loading import blank
from mmmodels.recipes import ModelConfig, Recipe
from mmmodels.tasks.fusion_model import FusionClassifier
from mmmodels.towers.tokenizers import tokenize
from pipelines.errors import SampleError

TASKS = ("classify", "sentiment")


class Classifier:
    """Any subset of the model's modalities may be given."""

    def __init__(
        self, model: FusionClassifier, *, recipe: Recipe, tokenizer: Tokenizer, labels: list[str], digest: str
    ) -> None:
        self.model = model.eval()
        self.recipe = recipe
        self.tokenizer = tokenizer
        self.labels = labels
        self.digest = digest

    @property
    def config(self) -> ModelConfig:
        """Of the towers."""
        return self.recipe.model

    def predict_proba(
        self, images: Sequence[bytes | None], texts: Sequence[str | None], clips: Sequence[bytes | None]
    ) -> NDArray[np.float32]:
        """(n, labels) of n samples; SampleError for media that do not decode, or a sample with nothing to go by."""
        media, there = self.decoded(images, texts, clips)
        with torch.inference_mode():
            return self.model.logits(media, there).softmax(dim=1).numpy()

    def decoded(
        self, images: Sequence[bytes | None], texts: Sequence[str | None], clips: Sequence[bytes | None]
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Modality -> tensor of the model's inputs, and (n,) whether it is there."""
        given = {"image": images, "text": [text or None for text in texts], "audio": clips}
        usable = {name: given[name] for name in self.model.modalities}
        for row, parts in enumerate(zip(*usable.values(), strict=True)):
            if all(part is None for part in parts):
                raise SampleError(f"row {row}: has no {' or '.join(usable)}. Give at least one: the model uses these.")
        media = {name: self._decoded(name, parts) for name, parts in usable.items()}
        there = {name: torch.tensor([part is not None for part in parts]) for name, parts in usable.items()}
        return media, there

    def tokenized(self, texts: Sequence[str]) -> Tensor:
        """int64 (n, L)."""
        return tokenize(self.tokenizer, list(texts), config=self.config.text)

    def _decoded(self, modality: str, parts: Sequence[bytes | str | None]) -> Tensor:
        if modality == "text":
            return self.tokenized([str(text or "") for text in parts])
        arrays = [self._array(modality, data) for data in parts if not isinstance(data, str)]
        return torch.from_numpy(np.stack(arrays))

    def _array(self, modality: str, data: bytes | None) -> NDArray[np.generic]:
        if modality == "image":
            return blank(self.config.image) if data is None else decode_image(data, config=self.config.image)
        return blank(self.config.audio) if data is None else decode_clip(data, config=self.config.audio)


def load_classifier(folder: str | Path) -> Classifier:
    """The classifier of a bundle, ready to predict, on the processor."""
    bundle = read_bundle(folder)
    if bundle.recipe.task not in TASKS:
        raise CheckpointError(
            f"{folder}: a model for {bundle.recipe.task!r}, expected a classifier. Name a classifier's bundle."
        )
    labels = list(bundle.facts["labels"])
    model = FusionClassifier(bundle.recipe, num_labels=len(labels))
    load_weights(model, bundle.weights, folder=folder)
    return Classifier(model, recipe=bundle.recipe, tokenizer=bundle.tokenizer, labels=labels, digest=bundle.digest)
