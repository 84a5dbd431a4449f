"""The detector's evaluation: average precision on held-out groups, what each picture asks, and a dozen to look at."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from mmmodels.detection.found import Found, answer_of, outlined
from mmmodels.detection.truth import Truth, truths_of
from mmmodels.evaluation.average_precision import RESAMPLES, Boxes, average_precision
from mmmodels.evaluation.intervals import mean_interval
from mmmodels.preparing import Prepared
from mmmodels.tasks.detection import Detector, held_out_rows, load_detector

PROTOCOL = {
    "version": 1,
    "map": "COCO's average precision of boxes over IoU 0.5 to 0.95, all answers of the model, pixels of the picture",
    "f1_at_50": "of each picture: answers above the recipe's min_score against boxes of their class, IoU 0.5 or more",
    "held_out": "groups that training never saw; boxes of classes that it never saw are left out and counted",
    "intervals": f"95 % bootstrap over pictures, {RESAMPLES} resamples of map, 1000 of f1",
}
BATCH = 64
NUM_PICTURES = 12


def measure(bundle_uri: str, data: Prepared) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The suite `detection`: see PROTOCOL."""
    detector = load_detector(bundle_uri)
    truths = truths_of(data.table)
    rows = held_out_rows(data, truths)
    if not rows:
        return {"metrics": {}, "left_out": truths.faults.facts()}, []
    found = find_all(detector, data, rows)
    told = [truth for truth in (truths.rows[row] for row in rows) if truth is not None]
    sides = _sides(data, rows)
    precision = average_precision(
        [_answers(one, side) for one, side in zip(found, sides, strict=True)],
        [_boxes(truth, detector.labels, side) for truth, side in zip(told, sides, strict=True)],
    )
    scores = [f1_of(one, truth, detector) for one, truth in zip(found, told, strict=True)]
    low, high = mean_interval(np.array(scores))
    per_class = precision.pop("per_class")
    metrics = {f"held_out/{name}": value | {"n": len(rows), "chance": 0.0} for name, value in precision.items()}
    metrics["held_out/f1_at_50"] = {
        "value": float(np.mean(scores)), "low": low, "high": high, "n": len(rows), "chance": 0.0,
    }  # fmt: skip
    unknown = sorted({name for truth in told for name in truth.classes} - set(detector.labels))
    details = {
        "metrics": metrics,
        "per_class": {detector.labels[number]: value for number, value in per_class.items()},
        "left_out": truths.faults.facts(),
        "unknown_classes": {name: sum(truth.classes.count(name) for truth in told) for name in unknown},
        "pictures": {"scenes": sheet(detector, data, rows[:NUM_PICTURES], told, found)},
    }
    uids, groups = data.column("uid"), data.column("group")
    queries = [
        {"metric": "held_out/f1_at_50", "uid": uids[row], "group": groups[row], "hit": score}
        for row, score in zip(rows, scores, strict=True)
    ]
    return details, queries


def find_all(detector: Detector, data: Prepared, rows: Sequence[int]) -> list[Found]:
    """Answers for rows of the table, in their order."""
    found: list[Found] = []
    for start in range(0, len(rows), BATCH):
        chosen = np.array(rows[start : start + BATCH], dtype=np.int64)
        images = np.ascontiguousarray(data.media["image"].read(chosen))
        found += detector.find(torch.from_numpy(images))
    return found


def f1_of(found: Found, truth: Truth, detector: Detector) -> float:
    """Of one picture at IoU 0.5; 1 where there is nothing and nothing is said."""
    said = found.above(detector.recipe.detection.min_score)
    boxes = _boxes(truth, detector.labels, 1.0)
    free = list(range(len(boxes.classes_N)))
    num_hits = 0
    for corners, kind in zip(said.boxes_N4, said.classes_N.tolist(), strict=True):
        overlaps = [(iou(corners, boxes.corners_N4[place]), place) for place in free if boxes.classes_N[place] == kind]
        if overlaps and max(overlaps)[0] >= 0.5:
            free.remove(max(overlaps)[1])
            num_hits += 1
    total = len(said.scores_N) + len(boxes.classes_N)
    return 2 * num_hits / total if total else 1.0


def iou(one: Any, other: Any) -> float:
    """Of two boxes by their corners."""
    inside = np.clip(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0, None).prod()
    union = (one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod() - inside
    return float(inside / union) if union > 0 else 0.0


def sheet(
    detector: Detector, data: Prepared, rows: Sequence[int], told: Sequence[Truth], found: Sequence[Found]
) -> bytes:
    """PNG: pictures two by two, the left one with the truth, the right one with what the detector says."""
    side, scale = data.media["image"].shape_of(1)[0][1], 2
    tiles = []
    images = data.media["image"].read(np.array(rows, dtype=np.int64)).transpose(0, 2, 3, 1)
    for pixels, truth, said in zip(images, told, found, strict=False):
        picture, names = Image.fromarray(np.ascontiguousarray(pixels)), {name: name for name in truth.classes}
        known = sorted(names)
        answer = answer_of(said.above(detector.recipe.detection.min_score), detector.labels, size=(side, side))
        true = answer_of(_as_found(truth, known), known, size=(side, side))["boxes"]
        plain = [{name: value for name, value in one.items() if name != "score"} for one in true]
        tiles.append((outlined(picture, plain, scale=scale), outlined(picture, answer["boxes"], scale=scale)))
    width = scale * side + 4
    canvas = Image.new("RGB", (6 * width, -(-len(tiles) // 3) * width), "grey")
    for number, pair in enumerate(tiles):
        for place, tile in enumerate(pair):
            canvas.paste(tile, ((number % 3 * 2 + place) * width, number // 3 * width))
    buffer = io.BytesIO()
    canvas.save(buffer, "PNG")
    return buffer.getvalue()


def _as_found(truth: Truth, labels: Sequence[str]) -> Found:
    numbers = np.array([labels.index(name) for name in truth.classes], dtype=np.int64)
    return Found(boxes_N4=_corners(truth.boxes_N4), scores_N=np.ones(len(numbers), np.float32), classes_N=numbers)


def _sides(data: Prepared, rows: Sequence[int]) -> list[float]:
    """Pixels of the padded square that the shares are of."""
    sizes = zip(data.column("original_width"), data.column("original_height"), strict=True)
    longest = [float(max(width or 1, height or 1)) for width, height in sizes]
    return [longest[row] for row in rows]


def _boxes(truth: Truth, labels: Sequence[str], side: float) -> Boxes:
    """Those of classes that the model knows."""
    places = [place for place, name in enumerate(truth.classes) if name in labels]
    numbers = np.array([labels.index(truth.classes[place]) for place in places], dtype=np.int64)
    return Boxes(corners_N4=_corners(truth.boxes_N4[places]) * np.float32(side), classes_N=numbers)


def _answers(found: Found, side: float) -> Boxes:
    return Boxes(corners_N4=found.boxes_N4 * np.float32(side), classes_N=found.classes_N, scores_N=found.scores_N)


def _corners(boxes_N4: Any) -> Any:
    half = boxes_N4[:, 2:] / 2
    return np.concatenate([boxes_N4[:, :2] - half, boxes_N4[:, :2] + half], axis=1)
