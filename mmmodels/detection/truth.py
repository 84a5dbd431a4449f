"""The boxes of a view's samples: parsed once, in coordinates of the square that the model sees, faults counted."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.errors import SampleError
from pipelines.sources.boxes import ANNOTATIONS, annotations_text

COLUMNS = ("original_data", "original_width", "original_height")
_NAMED = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Truth:
    """What one picture shows; nobody may have looked, then there is no `Truth` at all."""

    boxes_N4: NDArray[np.float32]
    """Centre and size as shares of the padded square."""
    classes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Faults:
    """What was wrong with boxes: kind -> how many, and the first samples by uid."""

    counts: dict[str, int] = field(default_factory=dict)
    named: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, uid: str) -> None:
        """One more of a kind."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        first = self.named.setdefault(kind, [])
        if len(first) < _NAMED and uid not in first:
            first.append(uid)

    def facts(self) -> dict[str, Any]:
        """As JSON: kind -> number and first uids."""
        return {kind: {"number": number, "first": self.named[kind]} for kind, number in sorted(self.counts.items())}


@dataclass(frozen=True, kw_only=True, slots=True)
class Truths:
    """Of every row of a table."""

    rows: tuple[Truth | None, ...]
    faults: Faults

    def there(self) -> NDArray[np.bool_]:
        """(rows,): somebody looked for things in the picture; there may be none."""
        return np.array([truth is not None for truth in self.rows], dtype=bool)

    def num_boxes(self) -> NDArray[np.int64]:
        """(rows,)"""
        return np.array([len(truth.classes) if truth else 0 for truth in self.rows], dtype=np.int64)


def truths_of(table: pa.Table) -> Truths:
    """Of a table with `uid` and COLUMNS. A box that lies outside of its picture or has no area is left out."""
    faults = Faults()
    columns: list[list[Any]] = [table[name].to_pylist() for name in ("uid", *COLUMNS)]
    uids, original, widths, heights = columns
    samples = zip(uids, original, widths, heights, strict=True)
    rows = tuple(_truth(uid, data, width, height, faults) for uid, data, width, height in samples)
    return Truths(rows=rows, faults=faults)


def _truth(
    uid: str, original: list[tuple[str, str]] | None, width: int | None, height: int | None, faults: Faults
) -> Truth | None:
    text = dict(original or ()).get(ANNOTATIONS)
    if text is None:
        return None
    if not width or not height:
        faults.add("sample_without_image", uid)
        return None
    try:
        parsed = json.loads(annotations_text(text, what=uid))
    except SampleError:  # of a table or a foreign reader: sources of ours check it
        faults.add("annotations_not_readable", uid)
        return None
    kept, classes = [], []
    for one in parsed:
        box = _inside(one, width, height, uid, faults)
        if box is not None:
            kept.append(box)
            classes.append(str(one["category"]))
    return Truth(boxes_N4=np.array(kept, dtype=np.float32).reshape(-1, 4), classes=tuple(classes))


def _inside(
    one: Mapping[str, Any], width: int, height: int, uid: str, faults: Faults
) -> tuple[float, float, float, float] | None:
    left, top, across, down = one["bbox"]
    if across <= 0 or down <= 0:
        faults.add("box_of_zero_size", uid)
        return None
    right, bottom = min(left + across, width), min(top + down, height)
    begin, upper = max(left, 0), max(top, 0)
    if right <= begin or bottom <= upper:
        faults.add("box_outside_of_its_picture", uid)
        return None
    if (right - begin) * (bottom - upper) < 0.999 * across * down:
        faults.add("box_cut_at_the_edge", uid)
    side = max(width, height)
    begin, right = ((place + (side - width) / 2) / side for place in (begin, right))
    upper, bottom = ((place + (side - height) / 2) / side for place in (upper, bottom))
    return (begin + right) / 2, (upper + bottom) / 2, right - begin, bottom - upper


def padded(
    truths: list[Truth], numbers: Mapping[str, int], *, nothing: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """(B, N, 4) and (B, N) of a batch, N the most boxes of a sample but at least 1; a class not known is left out."""
    known = [[place for place, name in enumerate(truth.classes) if name in numbers] for truth in truths]
    most = max(1, *map(len, known))
    boxes, classes = np.zeros((len(truths), most, 4), dtype=np.float32), np.full((len(truths), most), nothing)
    for row, (truth, places) in enumerate(zip(truths, known, strict=True)):
        boxes[row, : len(places)] = truth.boxes_N4[places]
        classes[row, : len(places)] = [numbers[truth.classes[place]] for place in places]
    return boxes, classes
