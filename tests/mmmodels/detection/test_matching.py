"""The assignment of least cost, and losses that are those of the boxes it finds."""

from itertools import permutations

import pytest
import torch
from torchvision.ops import box_convert, generalized_box_iou

from mmmodels.detection.matching import Predictions, _costs, giou_of, matched, set_losses
from mmmodels.detection.moving import NO_BOX
from mmmodels.recipes.detection import DetectionConfig

CONFIG = DetectionConfig()


def some(seed: int = 0, num_queries: int = 5, num_boxes: int = 3):
    chance = torch.Generator().manual_seed(seed)
    boxes = torch.rand(2, num_boxes, 4, generator=chance) * 0.4 + 0.2
    found = Predictions(
        logits_BQK=torch.randn(2, num_queries, 4, generator=chance),
        boxes_BQ4=torch.rand(2, num_queries, 4, generator=chance) * 0.4 + 0.2,
    )
    return found, boxes, torch.randint(4, (2, num_boxes), generator=chance)


def exact(boxes, classes, num_queries: int = 5) -> Predictions:
    """Predictions that say the truth, in another order, and nothing besides."""
    logits = torch.full((2, num_queries, 4), -20.0)
    places = torch.full((2, num_queries, 4), 0.5)
    for row in range(2):
        for number in range(boxes.shape[1]):
            if classes[row, number] != NO_BOX:
                logits[row, -1 - number, classes[row, number]] = 20.0
                places[row, -1 - number] = boxes[row, number]
    return Predictions(logits_BQK=logits, boxes_BQ4=places)


def test_giou_is_torchvisions():
    found, boxes, _ = some()
    ours = giou_of(found.boxes_BQ4[0, :, None], boxes[0][None])
    theirs = generalized_box_iou(*(box_convert(one, "cxcywh", "xyxy") for one in (found.boxes_BQ4[0], boxes[0])))
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("seed", range(5))
def test_no_other_assignment_costs_less(seed: int):
    found, boxes, classes = some(seed)
    costs = _costs(found, boxes, classes, CONFIG)
    samples, queries, places = matched(found, boxes, classes, config=CONFIG)
    for row in range(2):
        ours = costs[row, queries[samples == row], places[samples == row]].sum()
        best = min(
            sum(costs[row, query, place] for place, query in enumerate(chosen)) for chosen in permutations(range(5), 3)
        )
        assert ours == pytest.approx(float(best), abs=1e-5)


def test_what_is_no_box_is_matched_with_nothing():
    found, boxes, classes = some()
    classes[0] = NO_BOX
    classes[1, 2] = NO_BOX
    samples, _, places = matched(found, boxes, classes, config=CONFIG)
    assert sorted(zip(samples.tolist(), places.tolist(), strict=True)) == [(1, 0), (1, 1)]


def test_repeats_teach_each_box_to_so_many_predictions_as_far_as_there_are():
    found, boxes, classes = some(num_queries=5, num_boxes=2)
    samples, queries, places = matched(found, boxes, classes, config=CONFIG, repeats=4)
    assert torch.bincount(places[samples == 0]).tolist() == [2, 2]
    assert len(set(queries[samples == 0].tolist())) == 4


def test_the_truth_costs_next_to_nothing_in_any_order_and_everything_else_more():
    found, boxes, classes = some()
    assert float(set_losses(exact(boxes, classes), boxes, classes, config=CONFIG)) < 1e-3
    assert float(set_losses(found, boxes, classes, config=CONFIG)) > 1


def test_the_loss_of_a_batch_is_the_mean_of_its_halves_however_many_boxes_each_has():
    found, boxes, classes = some()
    classes[0, 1:] = NO_BOX
    parts = [
        set_losses(
            Predictions(logits_BQK=found.logits_BQK[row : row + 1], boxes_BQ4=found.boxes_BQ4[row : row + 1]),
            boxes[row : row + 1], classes[row : row + 1], config=CONFIG,
        )
        for row in range(2)
    ]  # fmt: skip
    torch.testing.assert_close(set_losses(found, boxes, classes, config=CONFIG), sum(parts) / 2)


def test_a_batch_without_any_box_has_a_loss_that_says_less():
    found, boxes, classes = some()
    found.logits_BQK.requires_grad_()
    set_losses(found, boxes, torch.full_like(classes, NO_BOX), config=CONFIG).backward()
    assert (found.logits_BQK.grad > 0).all(), "every class is to become less likely"
