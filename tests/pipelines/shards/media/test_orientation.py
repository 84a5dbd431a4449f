import numpy as np
import pytest
from PIL import Image

from pipelines.shards.media.orientation import turned, turned_boxes


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_box_stays_on_what_it_was_drawn_around(orientation: int):
    pixels = np.zeros((40, 80), dtype=np.uint8)
    pixels[5:15, 20:60] = 255
    found = np.argwhere(np.asarray(turned(Image.fromarray(pixels), orientation)) == 255)
    width, height = (40, 80) if orientation >= 5 else (80, 40)
    (top, left), (bottom, right) = found.min(axis=0), found.max(axis=0) + 1
    (box,) = turned_boxes([(20 / 80, 5 / 40, 60 / 80, 15 / 40)], orientation)
    assert box == pytest.approx((left / width, top / height, right / width, bottom / height))


def test_turning_agrees_with_pillow():
    image = Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6))
    assert turned(image, 6).size == (4, 6)
    assert turned(image, 1) is image
