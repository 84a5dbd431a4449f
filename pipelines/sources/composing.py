"""Cut-out drawings onto a canvas: where each lies, how large and turned it is, and the box that bounds what is seen."""

import io
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from PIL import Image, ImageDraw

_TRIES = 30
_MIN_ALPHA = 32
"""Fainter than this a pixel does not belong to a thing: the soft edge that resampling leaves."""

Ground = Literal["white", "plain", "gradient", "stripes", "blobs"]
GROUNDS: tuple[Ground, ...] = ("white", "plain", "gradient", "stripes", "blobs")

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """A thing on the canvas, by its number."""

    thing: int
    box: Box


def draw_ground(kind: Ground, side: int, chance: random.Random) -> Image.Image:
    """An RGB canvas of one kind, in light colours."""
    first, second = (tuple(chance.randint(170, 255) for _ in range(3)) for _ in range(2))
    if kind == "gradient":
        ramp = Image.linear_gradient("L").rotate(90 * chance.randrange(4)).resize((side, side))
        return Image.composite(Image.new("RGB", (side, side), first), Image.new("RGB", (side, side), second), ramp)
    canvas = Image.new("RGB", (side, side), "white" if kind == "white" else first)
    draw = ImageDraw.Draw(canvas)
    if kind == "stripes":
        pitch, slope = chance.randint(6, 24), chance.randint(-side, side)
        for start in range(-side, 2 * side, 2 * pitch):
            draw.line([(start, 0), (start + slope, side)], fill=second, width=pitch)
    if kind == "blobs":
        for _ in range(chance.randint(4, 12)):
            left, top, size = (chance.randint(-side // 8, side) for _ in range(3))
            colour = tuple(chance.randint(170, 255) for _ in range(3))
            draw.ellipse([left, top, left + abs(size) // 2 + 2, top + abs(size) // 2 + 2], fill=colour)
    return canvas


def place(
    canvas: Image.Image,
    things: list[Callable[[], Image.Image]],
    chance: random.Random,
    *,
    sides: tuple[int, int],
    max_degrees: float,
    max_overlap: float,
) -> list[Placed]:
    """Paste each thing that finds room; those that find none in some tries are left out, so a scene may have fewer."""
    placed: list[Placed] = []
    for number, thing in enumerate(things):
        size = chance.randint(*sides)
        cut = thing().resize((size, size), Image.Resampling.BOX)
        cut = cut.rotate(chance.uniform(-max_degrees, max_degrees), Image.Resampling.BICUBIC, expand=True)
        inside = cut.getchannel("A").point(lambda alpha: 255 * (alpha >= _MIN_ALPHA)).getbbox()
        if inside is None:
            continue
        cut = cut.crop(inside)
        box = _room(cut.size, canvas.size, [one.box for one in placed], chance, max_overlap)
        if box is not None:
            canvas.paste(cut, box[:2], cut)
            placed.append(Placed(thing=number, box=box))
    return placed


def _room(
    size: tuple[int, int], canvas: tuple[int, int], taken: list[Box], chance: random.Random, max_overlap: float
) -> Box | None:
    """Where neither it nor one that lies there already is covered by more than that share."""
    free = (canvas[0] - size[0], canvas[1] - size[1])
    if min(free) < 0:
        return None
    for _ in range(_TRIES):
        left, top = chance.randint(0, free[0]), chance.randint(0, free[1])
        box = (left, top, left + size[0], top + size[1])
        if all(covered_share(box, other) <= max_overlap for other in taken):
            return box
    return None


def covered_share(one: Box, other: Box) -> float:
    """What two boxes have in common, as a share of the smaller."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return max(0, width) * max(0, height) / max(1, smaller)


def png_of(canvas: Image.Image) -> bytes:
    """Its bytes hang on its pixels alone."""
    buffer = io.BytesIO()
    canvas.save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()
