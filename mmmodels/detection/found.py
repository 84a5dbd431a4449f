"""What a detector found in a picture: boxes, classes and scores, and the picture with them drawn on it."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from mmmodels.batches import MAX_PIXELS
from mmmodels.errors import RecipeError
from pipelines.errors import SampleError

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
_COLOURS = ("#d62728", "#1f77b4", "#2ca02c", "#9467bd", "#8c564b", "#e377c2", "#17becf", "#bcbd22", "#ff7f0e")


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """Of one picture, the most likely first."""

    boxes_N4: NDArray[np.float32]
    """Left, top, right, bottom as shares of the padded square."""
    scores_N: NDArray[np.float32]
    classes_N: NDArray[np.int64]

    def above(self, score: float) -> "Found":
        """Those that are at least so likely."""
        chosen = self.scores_N >= score
        return Found(boxes_N4=self.boxes_N4[chosen], scores_N=self.scores_N[chosen], classes_N=self.classes_N[chosen])

    def first(self, number: int) -> "Found":
        """The most likely ones."""
        return Found(
            boxes_N4=self.boxes_N4[:number], scores_N=self.scores_N[:number], classes_N=self.classes_N[:number]
        )


def answer_of(found: Found, labels: Sequence[str], *, size: tuple[int, int]) -> dict[str, Any]:
    """As COCO writes boxes: left, top, width, height in pixels of the picture, cut at its edges."""
    width, height = size
    side = max(size)
    corners_N4 = found.boxes_N4 * side - np.array([(side - width) / 2, (side - height) / 2] * 2)
    corners_N4 = np.clip(corners_N4, 0, [width, height, width, height])
    boxes = [
        {
            "category": labels[number],
            "score": round(float(score), 4),
            "bbox": [round(float(value), 1) for value in (left, top, right - left, bottom - top)],
        }
        for (left, top, right, bottom), score, number in zip(corners_N4, found.scores_N, found.classes_N, strict=True)
        if right > left and bottom > top
    ]
    return {"width": width, "height": height, "boxes": boxes}


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height of a picture; SampleError if it is none."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")) as image:
            return image.size
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise SampleError(f"image of {len(data)} bytes: {error}. Give JPEG, PNG or WebP.") from error


def drawn(data: bytes, answer: Mapping[str, Any], *, suffix: str) -> bytes:
    """The picture with its boxes, at least 512 pixels wide or high so that one can read their names."""
    if suffix.lower() not in FORMATS:
        raise RecipeError(f"--output with {suffix!r}: boxes are drawn as {', '.join(FORMATS)}. Choose one of these.")
    if answer["width"] * answer["height"] > MAX_PIXELS:
        raise SampleError(f"image of {answer['width']} x {answer['height']}: more than {MAX_PIXELS} pixels. Shrink it.")
    with Image.open(io.BytesIO(data)) as image:
        rgba = image.convert("RGBA")
    canvas = Image.new("RGBA", rgba.size, "white")
    canvas.alpha_composite(rgba)
    picture = outlined(canvas.convert("RGB"), answer["boxes"], scale=max(1, -(-512 // max(rgba.size))))
    buffer = io.BytesIO()
    picture.save(buffer, FORMATS[suffix.lower()])
    return buffer.getvalue()


def outlined(
    picture: Image.Image, boxes: Sequence[Mapping[str, Any]], *, scale: int, names_below: bool = False
) -> Image.Image:
    """Enlarged by a whole number, each box with its class and score; a class has one colour."""
    large = ImageOps.scale(picture, scale, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(large)
    for one in boxes:
        left, top, width, height = (value * scale for value in one["bbox"])
        colour = _COLOURS[sum(one["category"].encode()) % len(_COLOURS)]
        draw.rectangle([left, top, left + width, top + height], outline=colour, width=2)
        name = one["category"] + (f" {one['score']:.2f}" if "score" in one else "")
        place = (left + 2, top + height - 12) if names_below else (left + 2, top)
        draw.rectangle(draw.textbbox(place, name), fill="white")
        draw.text(place, name, fill=colour)
    return large
