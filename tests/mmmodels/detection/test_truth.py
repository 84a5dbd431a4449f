"""Boxes of samples: what can be taught is, and what cannot is counted and named."""

import json

import numpy as np
import pyarrow as pa
import pytest

from mmmodels.detection.truth import padded, truths_of


def table(*boxes, width=100, height=50, category="cat"):
    text = json.dumps([{"bbox": list(box), "category": category} for box in boxes])
    return pa.table(
        {
            "uid": ["u1"],
            "original_data": pa.array([[("annotations", text)]], pa.map_(pa.string(), pa.string())),
            "original_width": pa.array([width], pa.int32()),
            "original_height": pa.array([height], pa.int32()),
        }
    )


def test_boxes_are_shares_of_the_square_that_the_picture_is_padded_to():
    truth = truths_of(table((0, 0, 100, 50))).rows[0]
    np.testing.assert_allclose(truth.boxes_N4, [[0.5, 0.5, 1.0, 0.5]])
    truth = truths_of(table((10, 0, 10, 20), width=50, height=100)).rows[0]
    np.testing.assert_allclose(truth.boxes_N4, [[0.4, 0.1, 0.1, 0.2]], atol=1e-6)


@pytest.mark.parametrize(
    ("box", "fault", "num_left"),
    [
        ((10, 10, 0, 5), "box_of_zero_size", 0),
        ((10, 10, 5, -1), "box_of_zero_size", 0),
        ((100, 10, 5, 5), "box_outside_of_its_picture", 0),
        ((-9, -9, 8, 8), "box_outside_of_its_picture", 0),
        ((90, 10, 20, 5), "box_cut_at_the_edge", 1),
    ],
)
def test_a_box_that_cannot_be_is_left_out_counted_and_named(box, fault, num_left):
    truths = truths_of(table(box, (1, 1, 5, 5)))
    assert len(truths.rows[0].classes) == num_left + 1
    assert truths.faults.facts() == {fault: {"number": 1, "first": ["u1"]}}


def test_nobody_looked_is_another_thing_than_nothing_there():
    empty = table()
    assert truths_of(empty).there().tolist() == [True]
    unseen = empty.set_column(1, "original_data", pa.array([None], empty.schema.field(1).type))
    assert truths_of(unseen).there().tolist() == [False]
    without_image = table((1, 1, 2, 2), width=None, height=None)
    assert truths_of(without_image).faults.counts == {"sample_without_image": 1}


def test_annotations_that_are_none_are_a_fault_of_their_sample_alone():
    damaged = table().set_column(
        1, "original_data", pa.array([[("annotations", "[[")]], pa.map_(pa.string(), pa.string()))
    )
    assert truths_of(damaged).faults.counts == {"annotations_not_readable": 1}


def test_a_class_that_is_not_known_is_left_out_of_a_batch():
    truths = [truths_of(table((1, 1, 2, 2))).rows[0], truths_of(table((1, 1, 2, 2), category="yeti")).rows[0]]
    boxes, classes = padded(truths, {"cat": 3}, nothing=-1)
    assert (boxes.shape, classes.tolist()) == ((2, 1, 4), [[3], [-1]])
