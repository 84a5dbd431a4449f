"""Mean average precision of boxes as COCO defines it (Lin et al. 2014), with intervals by resampling pictures.

torchmetrics gives the values. It has no intervals, and to match all boxes again for every resample would take minutes:
a resample counts the matches of its pictures anew, which hang on no other picture.
"""

import contextlib
import copy
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torchmetrics.detection import MeanAveragePrecision

RESAMPLES = 100
SEED = 0
METRICS = ("map", "map_50", "map_75", "map_small", "map_medium", "map_large")
_AREAS = {"map": 0, "map_50": 0, "map_75": 0, "map_small": 1, "map_medium": 2, "map_large": 3}
_THRESHOLDS = {"map_50": 0, "map_75": 5}


@dataclass(frozen=True, kw_only=True, slots=True)
class Boxes:
    """Of one picture, in its pixels."""

    corners_N4: NDArray[np.float32]
    """Left, top, right, bottom."""
    classes_N: NDArray[np.int64]
    scores_N: NDArray[np.float32] | None = None
    """Of predictions."""


def average_precision(found: Sequence[Boxes], truth: Sequence[Boxes], *, resamples: int = RESAMPLES) -> dict[str, Any]:
    """`map`, `map_50`, `map_75` and by size, each {value, low, high}; and `per_class`, class -> AP at IoU 0.5.

    A metric that no truth is for (no large boxes) is left out.
    """
    metric = MeanAveragePrecision(box_format="xyxy", class_metrics=True, extended_summary=True)
    metric.warn_on_many_detections = False
    metric.update([_tensors(one) for one in found], [_tensors(one) for one in truth])
    values = metric.compute()
    lows, highs = _intervals(found, truth, resamples)
    whole: dict[str, Any] = {
        name: {"value": float(values[name]), "low": lows[name], "high": highs[name]}
        for name in METRICS
        if float(values[name]) >= 0
    }
    at_50_K = values["precision"][0, :, :, 0, -1].clamp(min=0).mean(dim=0)
    classes = values["classes"].reshape(-1).tolist()
    asked = {number for one in truth for number in one.classes_N.tolist()}
    per_class = {number: float(at_50_K[place]) for place, number in enumerate(classes) if number in asked}
    return whole | {"per_class": per_class}


def _tensors(boxes: Boxes) -> dict[str, torch.Tensor]:
    tensors = {"boxes": torch.from_numpy(boxes.corners_N4), "labels": torch.from_numpy(boxes.classes_N)}
    return tensors if boxes.scores_N is None else tensors | {"scores": torch.from_numpy(boxes.scores_N)}


def _intervals(
    found: Sequence[Boxes], truth: Sequence[Boxes], resamples: int
) -> tuple[dict[str, float], dict[str, float]]:
    """The 95 % percentile interval of each metric."""
    random = np.random.default_rng(SEED)
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools speaks
        evaluation = _matched(found, truth)
        drawn = [_resampled(evaluation, random.integers(0, len(truth), len(truth))) for _ in range(resamples)]
    limits = {name: np.percentile([one[name] for one in drawn], [2.5, 97.5]) for name in METRICS}
    return {name: float(low) for name, (low, _) in limits.items()}, {
        name: float(up) for name, (_, up) in limits.items()
    }


def _matched(found: Sequence[Boxes], truth: Sequence[Boxes]) -> Any:
    dataset, answers = COCO(), COCO()
    classes = sorted({number for one in (*found, *truth) for number in one.classes_N.tolist()})
    for coco, pictures in ((dataset, truth), (answers, found)):
        coco.dataset = {
            "images": [{"id": number} for number in range(len(truth))],
            "categories": [{"id": number} for number in classes],
            "annotations": [],
        }
        for number, one in enumerate(pictures):
            for place, (corners, kind) in enumerate(zip(one.corners_N4.tolist(), one.classes_N.tolist(), strict=True)):
                left, top, right, bottom = corners
                size = [right - left, bottom - top]
                entry = {"bbox": [left, top, *size], "area": size[0] * size[1], "category_id": kind, "iscrowd": 0}
                if one.scores_N is not None:
                    entry["score"] = float(one.scores_N[place])
                coco.dataset["annotations"].append(
                    entry | {"image_id": number, "id": len(coco.dataset["annotations"]) + 1}
                )
        coco.createIndex()
    evaluation = COCOeval(dataset, answers, iouType="bbox")
    evaluation.evaluate()
    return evaluation


def _resampled(evaluation: Any, chosen: NDArray[np.int64]) -> dict[str, float]:
    """Its matches are listed by class, then size, then picture."""
    num = len(evaluation.params.imgIds)
    one: Any = copy.copy(evaluation)
    one.params = copy.copy(evaluation.params)
    per_list = np.arange(len(evaluation.evalImgs) // num)[:, None] * num
    one.evalImgs = [evaluation.evalImgs[place] for place in (per_list + chosen[None]).ravel().tolist()]
    one._paramsEval = copy.copy(evaluation._paramsEval)  # noqa: SLF001
    one.accumulate()
    return {name: _mean(one.eval["precision"], name) for name in METRICS}


def _mean(precision: NDArray[np.float64], name: str) -> float:
    """`precision` is by threshold, recall, class, size and number of boxes; -1 where there is no truth."""
    chosen = precision[:, :, :, _AREAS[name], -1]
    if name in _THRESHOLDS:
        chosen = chosen[_THRESHOLDS[name]]
    told = chosen[chosen > -1]
    return float(told.mean()) if told.size else 0.0
