"""Classification of a sample from image, text and audio, with or without an aligner to start from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mmmodels.alignment.model import Batch
from mmmodels.encoders.fetching import DEFAULT_CACHE
from mmmodels.encoders.pretrained import load_pretrained
from mmmodels.errors import RecipeError
from mmmodels.loading import Reading
from mmmodels.planning import Pool
from mmmodels.preparing import Prepared, Rows
from mmmodels.recipes import Recipe
from mmmodels.tasks.classifier import Classifier, load_classifier
from mmmodels.tasks.composing import Composer, agreement_labels
from mmmodels.tasks.fusion_model import FusionClassifier, fused_modalities, marked, start_towers
from mmmodels.tasks.inputs import Inputs
from mmmodels.tasks.labelling import AGREEMENT, labels_of
from pipelines.curation.splits import Split
from pipelines.storage import is_local, local_path

__all__ = ["AgreementTask", "ClassificationTask", "Classifier", "FusionClassifier", "load_classifier"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassificationTask:
    """Pools, batches and the model of a classifier of the labels that samples have."""

    recipe: Recipe
    data: Rows
    parent: Path | None
    truth: NDArray[np.object_]
    """(rows,): labels, empty where there is none."""
    trained: NDArray[np.bool_]
    """(rows,): samples that may be trained on, with a label and something that the model looks at."""
    labels: list[str]
    """Of the training samples, in order of their names."""

    def pools(self) -> dict[str, Pool]:
        """All labelled training samples, whatever modalities they have."""
        return {"labelled": self.data.pool(self.trained)}

    def held_out_pools(self) -> dict[str, Pool]:
        """Concepts that training never sees, of labels that it does see."""
        known = np.isin(self.truth.astype(str), self.labels) & _any_of(self.data, self.recipe)
        return {"labelled": self.data.pool(self.data.in_split(Split.HELD_OUT_CONCEPT) & known)}

    def build(self) -> nn.Module:
        """The classifier with the parent's towers."""
        return built(self.recipe, self.labels, self.data, self.parent)

    def modalities(self, _kind: str) -> tuple[str, ...]:
        """All that the model has: what a sample lacks is a blank, and marked."""
        return fused_modalities(self.recipe)

    def batch(self, reading: Reading) -> Batch:
        """Tensors of one rank's samples."""
        numbers = {label: number for number, label in enumerate(self.labels)}
        rows = reading.entries[:, 0]
        return Batch(
            media=marked(reading.arrays, reading.there),
            groups_B=torch.from_numpy(self.data.groups[rows]),
            labels_B=torch.tensor([numbers[label] for label in self.truth[rows].tolist()]),
        )

    def facts(self) -> Mapping[str, Any]:
        """The labels, in the order of the logits, and how many samples were left out."""
        return {"labels": self.labels, "num_without_label": int((self.truth == "").sum())}


@dataclass(frozen=True, kw_only=True, slots=True)
class AgreementTask:
    """Samples composed so that no modality by itself tells the label: see `tasks.composing`."""

    recipe: Recipe
    data: Rows
    parent: Path | None
    composers: Mapping[Split, Composer]
    """Each over the samples of one split: stand-ins never cross it."""

    @property
    def labels(self) -> list[str]:
        """`agree`, and what differs."""
        return agreement_labels(fused_modalities(self.recipe))

    def pools(self) -> dict[str, Pool]:
        """Complete training samples; what they become hangs on their place in the plan."""
        return {"labelled": self.data.pool(self.composers[Split.TRAIN].usable)}

    def held_out_pools(self) -> dict[str, Pool]:
        """Complete samples of concepts that training never sees."""
        return {"labelled": self.data.pool(self.composers[Split.HELD_OUT_CONCEPT].usable)}

    def build(self) -> nn.Module:
        """The classifier with the parent's towers."""
        return built(self.recipe, self.labels, self.data, self.parent)

    def modalities(self, _kind: str) -> tuple[str, ...]:
        """All that the model has."""
        return fused_modalities(self.recipe)

    def batch(self, reading: Reading) -> Batch:
        """Tensors of one rank's composed samples."""
        assert isinstance(self.data, Prepared), "batches are made of media"
        rows = reading.entries[:, 0]
        composer = next(one for one in self.composers.values() if one.usable[rows[0]])
        composed = composer.composed(rows, reading.positions)
        media = {name: self.data.inputs(name, composed.entries[name]) for name in composer.modalities}
        there = {name: np.ones(len(rows), dtype=bool) for name in media}
        return Batch(
            media=marked(media, there),
            groups_B=torch.from_numpy(self.data.groups[rows]),
            labels_B=torch.from_numpy(composed.labels),
        )

    def facts(self) -> Mapping[str, Any]:
        """The labels, in the order of the logits."""
        return {"labels": self.labels}


def built(recipe: Recipe, labels: list[str], data: Rows, parent: Path | None) -> FusionClassifier:
    """The model at its start: the parent's towers, or what the recipe names as pretrained, or chance."""
    if len(labels) < 2:
        raise RecipeError(
            f"labels {labels}: a classifier needs two or more. Give the samples tags (folder names are tags)."
        )
    model = FusionClassifier(recipe, num_labels=len(labels))
    cache = data.layout.cache("weights")
    load_pretrained(model.aligner, cache=str(local_path(cache)) if is_local(cache) else DEFAULT_CACHE)
    if parent is not None:
        start_towers(model.aligner, parent)
    return model


def task_of(recipe: Recipe, data: Rows | Prepared, parent: Path | None) -> ClassificationTask | AgreementTask:
    """Of the register; the parent matters when the model is built."""
    if recipe.fusion.labels == AGREEMENT:
        composers = {
            split: Composer(data, data.in_split(split), modalities=fused_modalities(recipe))
            for split in (Split.TRAIN, Split.HELD_OUT_CONCEPT)
        }
        return AgreementTask(recipe=recipe, data=data, parent=parent, composers=composers)
    truth = labels_of(data, recipe.fusion.labels)
    trained = data.in_split(Split.TRAIN) & (truth != "") & _any_of(data, recipe)
    labels = sorted(set(truth[trained].tolist()))
    return ClassificationTask(recipe=recipe, data=data, parent=parent, truth=truth, trained=trained, labels=labels)


def predict(bundle: str, inputs: Inputs) -> dict[str, Any]:
    """Label -> probability, the likeliest first."""
    classifier = load_classifier(bundle)
    (probabilities,) = classifier.predict_proba([inputs.image], [inputs.text], [inputs.audio])
    return dict(sorted(zip(classifier.labels, probabilities.tolist(), strict=True), key=lambda pair: -pair[1]))


def _any_of(data: Rows, recipe: Recipe) -> NDArray[np.bool_]:
    """(rows,): whether the sample has a modality that the model looks at."""
    there: NDArray[np.bool_] = np.logical_or.reduce([data.has(name) for name in fused_modalities(recipe)])
    return there
