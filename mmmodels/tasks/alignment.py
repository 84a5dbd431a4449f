"""Pretraining of the aligner: pairs and triples of one view."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import combinations
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mmmodels.alignment.bundle import load_aligner, load_weights, read_bundle
from mmmodels.alignment.model import Batch, TriModal
from mmmodels.encoders.fetching import weights_cache
from mmmodels.encoders.pretrained import load_pretrained
from mmmodels.errors import CheckpointError, RecipeError
from mmmodels.loading import Reading
from mmmodels.planning import Pool
from mmmodels.preparing import Prepared, Rows
from mmmodels.recipes import ModelConfig, Recipe
from mmmodels.tasks.inputs import Inputs
from pipelines.curation.splits import Split

MODALITIES = {
    "triple": ("image", "text", "audio"),
    "image_text": ("image", "text"),
    "audio_text": ("audio", "text"),
    "image_audio": ("image", "audio"),
}
_FREE = {
    *("image", "text", "audio", "hub", "late_weight", "masks_groups", "initial_scale", "initial_bias", "pretrained"),
    *("trained", "augmentation", "min_crop", "mirrors", "patch_dropout"),
}
"""Settings that fine-tuning may change; towers are compared one by one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AlignmentTask:
    """Pools, batches and the model of contrastive pretraining."""

    recipe: Recipe
    data: Rows
    parent: Path | None = None
    """Bundle of an aligner whose weights it goes on from; none = the recipe's own start."""

    def build(self) -> nn.Module:
        """The model at its start: a parent's weights whole, else pretrained towers loaded."""
        model = TriModal(self.recipe.model)
        if self.parent is not None:
            self._go_on_from(model, self.parent)
            return model
        load_pretrained(model, cache=weights_cache(self.data.layout.root))
        return model

    def _go_on_from(self, model: TriModal, parent: Path) -> None:
        bundle = read_bundle(parent)
        if bundle.recipe.task != "align":
            raise CheckpointError(
                f"{parent}: a model for {bundle.recipe.task!r}, an aligner is wanted here. Name the bundle of one."
            )
        if differing := _differing(self.recipe.model, bundle.recipe.model):
            raise RecipeError(
                f"recipe {self.recipe.name!r}: {', '.join(differing)} is not what {parent} was trained with. Set it "
                "to that, the weights fit no other shape."
            )
        load_weights(model, bundle.weights, folder=parent)

    def pools(self) -> dict[str, Pool]:
        """Whole triples, all texts of each image, and the pairs of samples that lack the third modality.

        Only of modalities that the model has, and with a pair that it trains.
        """
        return self._trained(self._every_pool())

    def held_out_pools(self) -> dict[str, Pool]:
        """Concepts that training never sees, each sample in the largest kind of batch that it fits."""
        data, chosen = self.data, self.data.in_split(Split.HELD_OUT_CONCEPT)
        image, text, audio = (chosen & data.has(modality) for modality in ("image", "text", "audio"))
        return self._trained(
            {
                "triple": data.pool(image & text & audio),
                "image_text": data.pool(image & text & ~audio),
                "audio_text": data.pool(audio & text & ~image),
                "image_audio": data.pool(image & audio & ~text),
            }
        )

    def _trained(self, pools: dict[str, Pool]) -> dict[str, Pool]:
        """The kinds of batches that teach a pair of this model."""
        config = self.recipe.model
        return {
            kind: pool
            for kind, pool in pools.items()
            if set(MODALITIES[kind]) <= set(config.modalities)
            and any(set(pair) <= set(MODALITIES[kind]) for pair in config.pairs)
        }

    def _every_pool(self) -> dict[str, Pool]:
        data, train = self.data, self.data.in_split(Split.TRAIN)
        image, text, audio = (train & data.has(modality) for modality in ("image", "text", "audio"))
        return {
            "triple": data.pool(image & text & audio),
            "image_text": data.image_texts(),
            "audio_text": data.pool(audio & text & ~image),
            "image_audio": data.pool(image & audio & ~text),
        }

    def modalities(self, kind: str) -> tuple[str, ...]:
        """What samples of this kind are read of."""
        return MODALITIES[kind]

    def batch(self, reading: Reading) -> Batch:
        """Tensors of one rank's samples."""
        media = {modality: torch.from_numpy(array) for modality, array in reading.arrays.items()}
        return Batch(media=media, groups_B=torch.from_numpy(self.data.groups[reading.entries[:, 0]]))

    def facts(self) -> Mapping[str, Any]:
        """None: the recipe says it all."""
        return {}


def _differing(ours: ModelConfig, theirs: ModelConfig) -> list[str]:
    """Settings of the towers' shapes and inputs by name, with both values; what only training reads may differ."""
    pairs: list[tuple[str, Any, Any]] = [("", ours, theirs)]
    pairs += [(f"{name}.", ours.tower(name), theirs.tower(name)) for name in MODALITIES["triple"]]
    return [
        f"model.{prefix}{field.name}={getattr(one, field.name)!r} (there {getattr(other, field.name)!r})"
        for prefix, one, other in pairs
        for field in fields(one)
        if field.name not in _FREE and getattr(one, field.name) != getattr(other, field.name)
    ]


def task_of(recipe: Recipe, data: Rows | Prepared, parent: Path | None) -> AlignmentTask:
    """Of the register."""
    return AlignmentTask(recipe=recipe, data=data, parent=parent)


def predict(bundle: str, inputs: Inputs) -> dict[str, Any]:
    """Cosines between what is given, `image_text_score` and so on."""
    cosines, _ = embedded(bundle, inputs)
    return dict(cosines)


def embedded(bundle: str, inputs: Inputs) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Cosines between the vectors of what is given, and the vectors (embed_dim,) by modality."""
    aligner = load_aligner(bundle)
    vectors = {}
    if inputs.image is not None:
        vectors["image"] = aligner.embed_images([inputs.image])[0]
    if inputs.text:
        vectors["text"] = aligner.embed_texts([inputs.text])[0]
    if inputs.audio is not None:
        vectors["audio"] = aligner.embed_audio([inputs.audio])[0]
    cosines = {
        f"{left}_{right}_score": float(vectors[left] @ vectors[right]) for left, right in combinations(vectors, 2)
    }
    return cosines, {name: vector.tolist() for name, vector in vectors.items()}
