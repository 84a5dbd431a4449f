"""Boxes go where the picture's pixels go."""

import torch

from mmmodels.detection.moving import NO_BOX, moved
from mmmodels.recipes.detection import DetectionConfig
from mmmodels.towers.chance import sample_keys

SIDE, NUM = 64, 40


def scene():
    """A white rectangle on black in each picture, with its box."""
    chance = torch.Generator().manual_seed(0)
    images, boxes = torch.zeros(NUM, 3, SIDE, SIDE), torch.zeros(NUM, 1, 4)
    for row in range(NUM):
        left, top, width, height = (
            int(torch.randint(low, high, (1,), generator=chance))
            for low, high in [(2, 36), (2, 36), (10, 24), (10, 24)]
        )
        images[row, :, top : top + height, left : left + width] = 1
        boxes[row, 0] = torch.tensor([left + width / 2, top + height / 2, width, height]) / SIDE
    return images, boxes, torch.zeros(NUM, 1, dtype=torch.int64)


def seen_box(image) -> torch.Tensor:
    """Centre and size of what is bright, as shares."""
    down, across = torch.nonzero(image.mean(dim=0) > 0.35, as_tuple=True)
    left, right, top, bottom = across.min(), across.max() + 1, down.min(), down.max() + 1
    return torch.stack([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]) / SIDE


def test_boxes_stay_around_what_they_bounded_in_every_crop_and_mirror():
    images, boxes, classes = scene()
    config = DetectionConfig(min_crop=0.6, min_visible=0.2)
    pictures, after, kinds = moved(
        images, boxes, classes, sample_keys(3, torch.arange(NUM)), config=config, strength=1.0
    )
    there = torch.nonzero(kinds[:, 0] != NO_BOX)[:, 0]
    assert len(there) > NUM / 2
    for row in there.tolist():
        assert torch.allclose(seen_box(pictures[row]), after[row, 0], atol=2.5 / SIDE)
    is_mirrored = (after[there, 0, 0] - boxes[there, 0, 0]).abs() > 0.25
    assert 0 < int(is_mirrored.sum()) < len(there)


def test_a_box_that_a_crop_hardly_shows_is_no_box():
    boxes = torch.tensor([[[0.05, 0.05, 0.1, 0.1], [0.5, 0.5, 0.3, 0.3]]]).expand(NUM, -1, -1)
    config = DetectionConfig(min_crop=0.5, min_visible=0.5)
    classes = torch.zeros(NUM, 2, dtype=torch.int64)
    _, after, kinds = moved(
        torch.rand(NUM, 3, 16, 16), boxes, classes, sample_keys(0, torch.arange(NUM)), config=config, strength=1.0
    )
    assert 0 < int((kinds[:, 0] == NO_BOX).sum()) < NUM
    assert (after[kinds == NO_BOX] == 0).all()


def test_a_move_hangs_on_the_key_of_its_sample_alone():
    images, boxes, classes = scene()
    keys = sample_keys(5, torch.arange(NUM))
    whole = moved(images, boxes, classes, keys, config=DetectionConfig(), strength=1.0)
    part = moved(images[7:9], boxes[7:9], classes[7:9], keys[7:9], config=DetectionConfig(), strength=1.0)
    for one, other in zip(whole, part, strict=True):
        torch.testing.assert_close(one[7:9], other)
