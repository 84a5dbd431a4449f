"""Boxes around what a picture shows, as COCO writes them: untrusted, checked, carried as one JSON text."""

import json
import math
from collections.abc import Mapping, Sequence

from pipelines.errors import SampleError

ANNOTATIONS = "annotations"
"""Field of a record's `original_data`: `[{"bbox": [left, top, width, height], "category": "cat"}, ...]` in pixels."""
MAX_BOXES = 1000
_MAX_CATEGORY = 200


def annotations_text(boxes: object, *, what: str) -> str:
    """The JSON of a list of boxes, or of its text; `SampleError` where it is none. Boxes may lie outside the picture:
    what becomes of those is for whoever trains on them to say."""
    if isinstance(boxes, str):
        try:
            boxes = json.loads(boxes)
        except (ValueError, RecursionError) as error:
            raise SampleError(f"{what}: not JSON ({error}). Mend or remove it.") from error
    if not isinstance(boxes, list) or len(boxes) > MAX_BOXES:
        raise SampleError(f"{what}: expected a list of at most {MAX_BOXES} boxes.")
    return json.dumps([_checked(box, what) for box in boxes], separators=(",", ":"), ensure_ascii=False)


def _checked(box: object, what: str) -> dict[str, object]:
    if not isinstance(box, Mapping) or not _is_bbox(box.get("bbox")) or not _category(box):
        raise SampleError(
            f"{what}: {str(box)[:80]!r} is no box. Expected `bbox`, four numbers in pixels, and the name of a "
            "`category`."
        )
    return {"bbox": [round(float(number), 2) for number in box["bbox"]], "category": _category(box)}


def _category(box: Mapping[str, object]) -> str:
    name = box.get("category") or box.get("category_name") or box.get("label")
    return name[:_MAX_CATEGORY] if isinstance(name, str) else ""


def _is_bbox(value: object) -> bool:
    return (
        isinstance(value, Sequence)
        and len(value) == 4
        and all(isinstance(number, int | float) and math.isfinite(number) for number in value)
    )
