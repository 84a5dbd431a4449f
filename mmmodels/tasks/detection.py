"""Detection: what a picture shows and where, learnt from the boxes that its sample carries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.ops import box_convert

from mmmodels.alignment.batch import Batch
from mmmodels.alignment.bundle import Bundle, load_weights, read_bundle
from mmmodels.batches import decode_image
from mmmodels.detection.found import Found, answer_of, drawn, size_of
from mmmodels.detection.model import DetectionModel
from mmmodels.detection.moving import NO_BOX
from mmmodels.detection.truth import Truth, Truths, padded, truths_of
from mmmodels.errors import CheckpointError, RecipeError
from mmmodels.loading import Reading
from mmmodels.planning import Pool
from mmmodels.preparing import Prepared, Rows
from mmmodels.recipes import Recipe
from mmmodels.tasks.inputs import Inputs
from pipelines.curation.splits import Split

OPTIONS = ("min_score", "max_boxes")


@dataclass(frozen=True, kw_only=True)
class DetectionTask:
    """Pools, batches and the model of a detector; samples without boxes of their own are left out, empty ones not."""

    recipe: Recipe
    data: Rows

    @cached_property
    def truths(self) -> Truths:
        """Of every row."""
        return truths_of(self.data.table)

    @cached_property
    def trained(self) -> NDArray[np.bool_]:
        """(rows,): may be trained on, was looked at, and has no more boxes than there are answers."""
        chosen = self.data.in_split(Split.TRAIN) & self._looked_at
        return chosen & (self.truths.num_boxes() <= self.recipe.detection.num_queries)

    @property
    def _looked_at(self) -> NDArray[np.bool_]:
        return self.data.has("image") & self.truths.there()

    @cached_property
    def labels(self) -> list[str]:
        """The classes of the training samples, in order of their names."""
        rows = np.flatnonzero(self.trained).tolist()
        return sorted({name for row in rows for name in self._truth(row).classes})

    def build(self) -> nn.Module:
        """The detector at its start."""
        check_image(self.recipe)
        if not self.labels:
            raise RecipeError(
                "labels []: no training sample carries a box. Pack a corpus with boxes (openmoji-scenes, a folder with "
                "--column annotations=FILE), or json sidecars with `annotations`."
            )
        return DetectionModel(self.recipe.model.image, self.recipe.detection, num_classes=len(self.labels))

    def pools(self) -> dict[str, Pool]:
        """All pictures with boxes that may be trained on."""
        return {"boxes": self.data.pool(self.trained)}

    def held_out_pools(self) -> dict[str, Pool]:
        """Of groups that training never sees."""
        few = self.truths.num_boxes() <= self.recipe.detection.num_queries
        return {"boxes": self.data.pool(self.data.in_split(Split.HELD_OUT_CONCEPT) & self._looked_at & few)}

    def modalities(self, _kind: str) -> tuple[str, ...]:
        """Pictures alone."""
        return ("image",)

    def batch(self, reading: Reading) -> Batch:
        """Pictures, and boxes (B, N, 4) with classes (B, N) in places that are filled up with no box."""
        rows = reading.entries[:, 0]
        numbers = {label: number for number, label in enumerate(self.labels)}
        boxes, classes = padded([self._truth(row) for row in rows.tolist()], numbers, nothing=NO_BOX)
        return Batch(
            media={"image": torch.from_numpy(reading.arrays["image"])},
            groups_B=torch.from_numpy(self.data.groups[rows]),
            targets={"boxes": torch.from_numpy(boxes), "classes": torch.from_numpy(classes)},
        )

    def facts(self) -> Mapping[str, Any]:
        """The classes, and what was left out or changed: how many and the first by uid."""
        uids, most = self.data.column("uid"), self.recipe.detection.num_queries
        faults = self.truths.faults
        crowded = self.data.in_split(Split.TRAIN) & self._looked_at & (self.truths.num_boxes() > most)
        numbers = {"sample_without_boxes": ~self.truths.there(), "more_boxes_than_queries": crowded}
        left_out = {
            name: {"number": int(rows.sum()), "first": [uids[row] for row in np.flatnonzero(rows)[:5]]}
            for name, rows in numbers.items()
            if rows.any()
        }
        return {"labels": self.labels, "left_out": left_out | faults.facts()}

    def _truth(self, row: int) -> Truth:
        truth = self.truths.rows[row]
        assert truth is not None, "pools hold only samples that somebody looked at"
        return truth


def check_image(recipe: Recipe) -> None:
    """Boxes are shares of the whole picture: RecipeError where the loader would cut it."""
    if recipe.model.image.augmentation != "drawings":
        raise RecipeError(
            f"model.image.augmentation={recipe.model.image.augmentation}: cuts the middle out of a picture, and boxes "
            "with it. Set model.image.augmentation=drawings; crops for training are detection.min_crop."
        )


def task_of(recipe: Recipe, data: Rows | Prepared, _parent: Path | None) -> DetectionTask:
    """Of the register."""
    return DetectionTask(recipe=recipe, data=data)


class Detector:
    """A trained detector over decoded pictures."""

    def __init__(self, model: DetectionModel, *, bundle: Bundle) -> None:
        self.model = model.eval()
        self.recipe = bundle.recipe
        self.labels: list[str] = list(bundle.facts["labels"])
        self.digest = bundle.digest

    @torch.inference_mode()
    def find(self, images_BCHW: Tensor) -> list[Found]:
        """One answer for each uint8 picture: its most likely boxes, each of one class."""
        predictions = self.model.predictions(images_BCHW)
        most = min(self.recipe.detection.num_queries, predictions.logits_BQK.shape[1])
        scores_BQ, classes_BQ = predictions.logits_BQK.float().sigmoid().max(dim=-1)
        corners_BQ4 = box_convert(predictions.boxes_BQ4.float(), "cxcywh", "xyxy").clamp(0, 1)
        order_BQ = scores_BQ.argsort(dim=1, descending=True, stable=True)[:, :most]
        return [
            Found(boxes_N4=corners[order].numpy(), scores_N=scores[order].numpy(), classes_N=classes[order].numpy())
            for corners, scores, classes, order in zip(corners_BQ4, scores_BQ, classes_BQ, order_BQ, strict=True)
        ]


def load_detector(folder: str | Path) -> Detector:
    """The detector of a bundle, ready to predict, on the processor."""
    bundle = read_bundle(folder)
    if bundle.recipe.task != "detect" or "labels" not in bundle.facts:
        raise CheckpointError(
            f"{folder}: a model for {bundle.recipe.task!r}, expected a detector. Name a detector's bundle."
        )
    recipe = bundle.recipe
    model = DetectionModel(recipe.model.image, recipe.detection, num_classes=len(bundle.facts["labels"]))
    load_weights(model, bundle.weights, folder=folder)
    return Detector(model, bundle=bundle)


def predict(bundle: str, inputs: Inputs) -> dict[str, Any]:
    """Boxes with class and score in pixels of the picture; options min_score and max_boxes."""
    if inputs.image is None:
        raise RecipeError("no picture: a detector looks at one. Give --image.")
    detector = load_detector(bundle)
    min_score = _number(inputs.options, "min_score", detector.recipe.detection.min_score)
    max_boxes = int(_number(inputs.options, "max_boxes", detector.recipe.detection.num_queries))
    size = size_of(inputs.image)
    image = torch.from_numpy(decode_image(inputs.image, config=detector.recipe.model.image))
    (found,) = detector.find(image[None])
    return answer_of(found.above(min_score).first(max_boxes), detector.labels, size=size)


def rendered(answer: Mapping[str, Any], inputs: Inputs, *, suffix: str) -> bytes:
    """The picture with its boxes drawn on it."""
    assert inputs.image is not None, "there is an answer"
    return drawn(inputs.image, answer, suffix=suffix)


def _number(options: Mapping[str, str], name: str, default: float) -> float:
    if unknown := sorted(set(options) - set(OPTIONS)):
        raise RecipeError(f"--option {unknown[0]}: a detector knows {' and '.join(OPTIONS)}. Give one of these.")
    try:
        return float(options.get(name, default))
    except ValueError as error:
        raise RecipeError(f"--option {name}={options[name]}: expected a number.") from error


def held_out_rows(data: Prepared, truths: Truths) -> Sequence[int]:
    """Rows of groups that training never sees, whose pictures somebody looked at."""
    chosen = data.in_split(Split.HELD_OUT_CONCEPT) & data.has("image") & truths.there()
    rows: list[int] = np.flatnonzero(chosen).tolist()
    return rows
