"""EXIF orientation: how a camera was held, as a turn of pixels and of boxes drawn on them."""

from collections.abc import Iterable

from PIL import Image

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 as shares of width and height."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = (5, 6, 7, 8)
_MIRRORED_X = (2, 3, 6, 7)
_MIRRORED_Y = (3, 4, 7, 8)


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """The picture as it is meant to be looked at."""
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def turned_boxes(boxes: Iterable[Box], orientation: int) -> tuple[Box, ...]:
    """Boxes of the picture as coded, on the turned one; a change of size leaves shares as they are."""
    return tuple(_turned_box(box, orientation) for box in boxes)


def _turned_box(box: Box, orientation: int) -> Box:
    x0, y0, x1, y1 = box
    if orientation in _SIDEWAYS:
        x0, y0, x1, y1 = y0, x0, y1, x1
    if orientation in _MIRRORED_X:
        x0, x1 = 1.0 - x1, 1.0 - x0
    if orientation in _MIRRORED_Y:
        y0, y1 = 1.0 - y1, 1.0 - y0
    return x0, y0, x1, y1
