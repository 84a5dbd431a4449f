"""Pretraining by reconstruction: every sample of a view, whatever it has; no labels, no pairs."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from tokenizers import Tokenizer
from torch import Tensor, nn

from mmmodels.alignment.batch import Batch
from mmmodels.alignment.bundle import load_weights, read_bundle
from mmmodels.batches import decode_clip, decode_image
from mmmodels.encoders.fetching import DEFAULT_CACHE
from mmmodels.encoders.pretrained import load_pretrained, start_towers
from mmmodels.errors import CheckpointError, RecipeError
from mmmodels.loading import Reading
from mmmodels.planning import Pool
from mmmodels.preparing import Prepared, Rows
from mmmodels.recipes import ModelConfig, Recipe
from mmmodels.reconstruction.model import MaskedModel
from mmmodels.tasks.inputs import Inputs
from mmmodels.towers.chance import sample_keys
from mmmodels.towers.tokenizers import tokenize
from pipelines.curation.splits import Split
from pipelines.storage import is_local, local_path

_ENLARGED = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class ReconstructionTask:
    """Pools, batches and the model; it may go on from the towers of another model."""

    recipe: Recipe
    data: Rows
    parent: Path | None = None

    def build(self) -> nn.Module:
        """The model at its start, towers loaded where weights or a parent are named."""
        model = MaskedModel(self.recipe.model, self.recipe.reconstruction)
        cache = self.data.layout.cache("weights")
        load_pretrained(model, cache=str(local_path(cache)) if is_local(cache) else DEFAULT_CACHE)
        if self.parent is not None:
            start_towers(model, self.parent)
        return model

    def pools(self) -> dict[str, Pool]:
        """All training samples that have any of the modalities."""
        return {"sample": self._pool(Split.TRAIN)}

    def held_out_pools(self) -> dict[str, Pool]:
        """Concepts that training never sees."""
        return {"sample": self._pool(Split.HELD_OUT_CONCEPT)}

    def modalities(self, _kind: str) -> tuple[str, ...]:
        """Those whose errors are summed: what a sample lacks is a blank, and marked."""
        return self.recipe.reconstruction.modalities

    def batch(self, reading: Reading) -> Batch:
        """Tensors of one rank's samples, and which of them have what."""
        return Batch(
            media={name: torch.from_numpy(array) for name, array in reading.arrays.items()},
            groups_B=torch.from_numpy(self.data.groups[reading.entries[:, 0]]),
            targets={f"has_{name}": torch.from_numpy(there) for name, there in reading.there.items()},
        )

    def facts(self) -> Mapping[str, Any]:
        """None: the recipe says it all."""
        return {}

    def _pool(self, split: Split) -> Pool:
        names = self.recipe.reconstruction.modalities
        there: NDArray[np.bool_] = np.logical_or.reduce([self.data.has(name) for name in names])
        return self.data.pool(self.data.in_split(split) & there)


def task_of(recipe: Recipe, data: Rows | Prepared, parent: Path | None) -> ReconstructionTask:
    """Of the register."""
    return ReconstructionTask(recipe=recipe, data=data, parent=parent)


def load_masked(folder: str | Path) -> tuple[MaskedModel, Tokenizer]:
    """The pretrained model of a bundle with what predicts, in evaluation, on the processor."""
    bundle = read_bundle(folder)
    if bundle.recipe.task != "reconstruct":
        raise CheckpointError(
            f"{folder}: a model for {bundle.recipe.task!r}, expected one that reconstructs. Name a bundle of "
            "reconstruct_tiny."
        )
    model = MaskedModel(bundle.recipe.model, bundle.recipe.reconstruction)
    load_weights(model, bundle.weights, folder=folder)
    return model.eval(), bundle.tokenizer


def predict(bundle: str, inputs: Inputs) -> dict[str, Any]:
    """`image_error` and so on: of what is hidden of each part that is given."""
    model, tokenizer = load_masked(bundle)
    given = _tensors(model.config, tokenizer, inputs)
    with torch.inference_mode():
        return {
            f"{name}_error": float(model.errors(name, given[name], _keys(1))) for name in given if name in model.parts
        }


def triptychs(model: MaskedModel, name: str, inputs: Tensor) -> bytes:
    """PNG: a row for each sample, its original, what was left of it, and the reconstruction."""
    if model.objective.objective != "input":
        raise RecipeError("reconstruction.objective=features: predicts no pictures. Train with objective=input.")
    with torch.inference_mode():
        shown = model.reconstructed(name, inputs, _keys(len(inputs)))
    rows_BCHW = torch.cat([_visible(model.config, name, part) for part in shown], dim=3)
    column_CHW = torch.cat(list(rows_BCHW), dim=1)
    pixels = (column_CHW.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).expand(-1, -1, 3).numpy()
    drawing = Image.fromarray(np.ascontiguousarray(pixels))
    drawing = drawing.resize((drawing.width * _ENLARGED, drawing.height * _ENLARGED), Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    drawing.save(buffer, "PNG")
    return buffer.getvalue()


def _visible(config: ModelConfig, name: str, prepared_BCHW: Tensor) -> Tensor:
    """In [0, 1]; a spectrogram from its lowest to its highest value, low notes below."""
    if name == "image":
        mean, std = (torch.tensor(values)[:, None, None] for values in (config.image.mean, config.image.std))
        return prepared_BCHW * std + mean
    low, high = prepared_BCHW.amin(dim=(1, 2, 3), keepdim=True), prepared_BCHW.amax(dim=(1, 2, 3), keepdim=True)
    return ((prepared_BCHW - low) / (high - low).clamp(min=1e-6)).flip(2)


def _tensors(config: ModelConfig, tokenizer: Tokenizer, inputs: Inputs) -> dict[str, Tensor]:
    given: dict[str, Tensor] = {}
    if inputs.image is not None:
        given["image"] = torch.from_numpy(decode_image(inputs.image, config=config.image))[None]
    if inputs.text:
        given["text"] = tokenize(tokenizer, [inputs.text], config=config.text)
    if inputs.audio is not None:
        given["audio"] = torch.from_numpy(decode_clip(inputs.audio, config=config.audio))[None]
    return given


def _keys(num: int) -> Tensor:
    """The same masks whenever it is asked."""
    return sample_keys(0, torch.arange(num))
