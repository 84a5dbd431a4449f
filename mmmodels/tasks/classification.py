"""Classification of a sample's label (its first tag) from image, text and audio, on top of an aligner."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from mmmodels.alignment.bundle import load_weights, read_bundle
from mmmodels.alignment.model import Batch, TriModal
from mmmodels.batches import decode_clip, decode_image
from mmmodels.errors import CheckpointError, RecipeError
from mmmodels.loading import Reading, blank
from mmmodels.planning import Pool
from mmmodels.preparing import Prepared, Rows
from mmmodels.recipes import ModelConfig, Recipe
from mmmodels.tasks.inputs import Inputs
from mmmodels.towers.chance import sample_keys, uniform
from mmmodels.towers.tokenizers import tokenize
from pipelines.curation.splits import Split
from pipelines.errors import SampleError

FUSED = ("image", "text", "audio")
MODALITY_DROPOUT = 0.2
"""Each modality of a training sample is hidden at this rate, so that the classifier answers from any subset."""
SMOOTHING = 0.05
_HIDING = 30


class FusionClassifier(nn.Module):
    """Concatenation of the three towers' unit vectors (a learned vector where one is absent), then two layers."""

    def __init__(self, config: ModelConfig, *, num_labels: int) -> None:
        super().__init__()
        width = config.embed_dim
        self.aligner = TriModal(config)
        self.absent = nn.ParameterDict({name: nn.Parameter(torch.zeros(width)) for name in FUSED})
        self.head = nn.Sequential(
            nn.LayerNorm(len(FUSED) * width),
            nn.Linear(len(FUSED) * width, 2 * width),
            nn.GELU(),
            nn.Dropout(0.1),
            nn.Linear(2 * width, num_labels),
        )

    def logits(
        self,
        media: dict[str, Tensor],
        present: dict[str, Tensor],
        *,
        strength: float = 0.0,
        keys_B: Tensor | None = None,
    ) -> Tensor:
        """(B, labels); `present` marks the rows (B,) whose modality counts."""
        parts = []
        for name in FUSED:
            vectors_BD = self.aligner.embed(name, media[name], strength=strength, keys_B=keys_B)
            parts.append(torch.where(present[name][:, None], vectors_BD, self.absent[name]))
        return self.head(torch.cat(parts, dim=1)).float()  # type: ignore[no-any-return]

    def forward(self, batch: Batch, *, strength: float = 0.0, seed: int | None = None) -> dict[str, Tensor]:
        """The cross-entropy of a training batch, with modality dropout."""
        keys_B = sample_keys(seed or 0, batch.positions())
        hidden_BM = uniform(keys_B, len(FUSED), stream=_HIDING) < MODALITY_DROPOUT
        media = {name: tensor for name, tensor in batch.media.items() if not name.startswith("has_")}
        present = {
            name: batch.media[f"has_{name}"] & ~hidden_B
            for name, hidden_B in zip(FUSED, hidden_BM.unbind(dim=1), strict=True)
        }
        logits = self.logits(media, present, strength=strength, keys_B=keys_B)
        assert batch.labels_B is not None
        return {"label": functional.cross_entropy(logits, batch.labels_B, label_smoothing=SMOOTHING)}


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassificationTask:
    """Pools, batches and the model of the classifier; the towers start from the parent aligner."""

    recipe: Recipe
    data: Rows
    parent: Path

    @property
    def labels(self) -> list[str]:
        """The labels of the training samples, in order of their names."""
        return sorted(set(np.array(self.data.column("label"), dtype=object)[self.trained].tolist()))

    @property
    def trained(self) -> NDArray[np.bool_]:
        """(rows,): samples that may be trained on and have a label."""
        labelled = np.array([bool(label) for label in self.data.column("label")], dtype=bool)
        trained: NDArray[np.bool_] = self.data.in_split(Split.TRAIN) & labelled
        return trained

    def held_out_pools(self) -> dict[str, Pool]:
        """Concepts that training never sees, of labels that it does see."""
        known = np.isin(np.array(self.data.column("label"), dtype=object).astype(str), self.labels)
        return {"labelled": self.data.pool(self.data.in_split(Split.HELD_OUT_CONCEPT) & known)}

    def build(self) -> nn.Module:
        """The classifier with the parent's towers."""
        labels = self.labels
        if len(labels) < 2:
            raise RecipeError(
                f"labels {labels}: a classifier needs two or more. Give the samples tags (folder names are tags)."
            )
        model = FusionClassifier(self.recipe.model, num_labels=len(labels))
        load_weights(model.aligner, read_bundle(self.parent).weights, folder=self.parent)
        return model

    def pools(self) -> dict[str, Pool]:
        """All labelled training samples, whatever modalities they have."""
        return {"labelled": self.data.pool(self.trained)}

    def modalities(self, _kind: str) -> tuple[str, ...]:
        """All of them: what a sample lacks is a blank, and marked."""
        return FUSED

    def batch(self, reading: Reading) -> Batch:
        """Tensors of one rank's samples."""
        numbers = {label: number for number, label in enumerate(self.labels)}
        rows = reading.entries[:, 0]
        labels: list[Any] = self.data.table["label"].take(rows).to_pylist()
        media = {modality: torch.from_numpy(array) for modality, array in reading.arrays.items()}
        media |= {f"has_{modality}": torch.from_numpy(there) for modality, there in reading.there.items()}
        return Batch(
            media=media,
            groups_B=torch.from_numpy(self.data.groups[rows]),
            labels_B=torch.tensor([numbers[label] for label in labels]),
        )

    def facts(self) -> Mapping[str, Any]:
        """The labels, in the order of the logits."""
        return {"labels": self.labels}


def task_of(recipe: Recipe, data: Rows | Prepared, parent: Path | None) -> ClassificationTask:
    """Of the register; the parent matters when the model is built."""
    return ClassificationTask(recipe=recipe, data=data, parent=parent or Path())


def predict(bundle: str, inputs: Inputs) -> dict[str, Any]:
    """Label -> probability, the likeliest first."""
    classifier = load_classifier(bundle)
    (probabilities,) = classifier.predict_proba([inputs.image], [inputs.text], [inputs.audio])
    return dict(sorted(zip(classifier.labels, probabilities.tolist(), strict=True), key=lambda pair: -pair[1]))


def fused_inputs(data: Prepared, entries: NDArray[np.int64]) -> dict[str, Tensor]:
    """Tensors of all modalities and `has_<modality>` (B,) for entries (row, text number or -1)."""
    inputs: dict[str, Tensor] = {}
    for modality in FUSED:
        array, there = data.inputs_or_blanks(modality, entries)
        inputs[modality], inputs[f"has_{modality}"] = torch.from_numpy(array), torch.from_numpy(there)
    return inputs


def present_in(inputs: dict[str, Tensor], *, modalities: Sequence[str] = FUSED) -> dict[str, Tensor]:
    """(B,) per modality: there, and among those the answer may use."""
    return {name: inputs[f"has_{name}"] & (name in modalities) for name in FUSED}


class Classifier:
    """A trained classifier over raw media; any subset of the modalities may be given."""

    def __init__(self, model: FusionClassifier, *, tokenizer: Tokenizer, labels: list[str], digest: str) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.labels = labels
        self.digest = digest

    def predict_proba(
        self, images: Sequence[bytes | None], texts: Sequence[str | None], clips: Sequence[bytes | None]
    ) -> NDArray[np.float32]:
        """(n, labels) of n samples; SampleError for media that do not decode, or a sample without any modality."""
        config = self.model.aligner.config
        given = {"image": images, "text": [text or None for text in texts], "audio": clips}
        for row, parts in enumerate(zip(*given.values(), strict=True)):
            if all(part is None for part in parts):
                raise SampleError(f"row {row}: has no image, text or audio. Give at least one of them.")
        pictures = [blank(config.image) if data is None else decode_image(data, config=config.image) for data in images]
        sounds = [blank(config.audio) if data is None else decode_clip(data, config=config.audio) for data in clips]
        inputs = {
            "image": torch.from_numpy(np.stack(pictures)),
            "text": tokenize(self.tokenizer, [text or "" for text in texts], config=config.text),
            "audio": torch.from_numpy(np.stack(sounds)),
        }
        there = {name: torch.tensor([part is not None for part in parts]) for name, parts in given.items()}
        with torch.inference_mode():
            return self.model.logits(inputs, there).softmax(dim=1).numpy()


def load_classifier(folder: str | Path) -> Classifier:
    """The classifier of a bundle, ready to predict, on the processor."""
    bundle = read_bundle(folder)
    if bundle.recipe.task != "classify":
        raise CheckpointError(
            f"{folder}: a model for {bundle.recipe.task!r}, expected a classifier. Name a classifier's bundle."
        )
    labels = list(bundle.facts["labels"])
    model = FusionClassifier(bundle.recipe.model, num_labels=len(labels))
    load_weights(model, bundle.weights, folder=folder)
    return Classifier(model, tokenizer=bundle.tokenizer, labels=labels, digest=bundle.digest)
