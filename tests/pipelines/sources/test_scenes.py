"""Composed scenes: the same by seed, true to their boxes, honest about what they are."""

import io
import json
import pickle

import numpy as np
import pytest
from PIL import Image

from pipelines.errors import SourceError
from pipelines.layout import Layout
from pipelines.shards.packing import PackingConfig, pack
from pipelines.sources.code_points import names_of
from pipelines.sources.composing import covered_share
from pipelines.sources.scene_classes import DRAWINGS
from pipelines.sources.scenes import ScenesSource, captions_of, open_scenes, settings_of


def scenes(**settings: object) -> ScenesSource:
    return open_scenes(corpus="scenes", licence="CC-BY-SA-4.0", settings={"num_scenes": 40, **settings})


@pytest.fixture(scope="module")
def records():
    source = scenes()
    return list(source.read(source.references()))


def boxes_of(record) -> list[dict]:
    return json.loads(record.original_data["annotations"])


def test_a_scene_hangs_on_the_seed_and_its_number_alone(records):
    source = pickle.loads(pickle.dumps(scenes()))  # noqa: S301 - our own bytes
    (again,) = source.read([list(source.references())[7]])
    assert again == records[7]
    (other,) = scenes(seed=1).read([next(scenes(seed=1).references())])
    assert other.image != records[0].image


def test_other_settings_are_another_snapshot():
    assert len({scenes().snapshot, scenes(seed=1).snapshot, scenes(num_scenes=41).snapshot}) == 3
    assert scenes().snapshot == scenes().snapshot


def test_every_drawing_of_every_class_has_a_name_and_belongs_to_one_class():
    codes = [code for drawings in DRAWINGS.values() for code in drawings]
    assert len(codes) == len(set(codes))
    assert all(names_of((code,)) for code in codes)


def test_boxes_bound_what_is_drawn_and_lie_inside(records):
    for record in records:
        if record.original_data["ground"] != "white" or len(boxes_of(record)) == 0:
            continue
        with Image.open(io.BytesIO(record.image)) as image:
            is_drawn = (np.asarray(image.convert("L")) < 200).astype(int)
        for box in boxes_of(record):
            left, top, width, height = (int(number) for number in box["bbox"])
            assert left >= 0
            assert top >= 0
            assert left + width <= 128
            assert top + height <= 128
            inside = is_drawn[top : top + height, left : left + width]
            assert inside.any(axis=0).mean() > 0.8, "a column of a box without anything in it"
            is_drawn[top : top + height, left : left + width] = 0
        assert is_drawn.sum() == 0, "something is drawn outside of every box"


def test_things_cover_each_other_by_no_more_than_the_settings_say(records):
    for record in records:
        corners = [(x, y, x + w, y + h) for x, y, w, h in (box["bbox"] for box in boxes_of(record))]
        shares = [covered_share(one, other) for one in corners for other in corners if one is not other]
        assert max(shares, default=0) <= 0.2


def test_the_caption_names_what_is_there_in_many_languages_and_says_how_many():
    assert captions_of(["1F431", "1F337", "1F337"])["en"] == "cat face, tulip x 2"
    assert captions_of(["1F431", "1F337", "1F337"])["fr"].endswith(" x 2")
    assert captions_of([]) == {}


def test_a_record_says_that_it_is_composed_and_carries_its_classes_as_tags(records):
    assert {record.original_data["composed"] for record in records} == {"true"}
    assert all("composed" in record.source for record in records)
    assert all(
        list(record.tags) == list(dict.fromkeys(box["category"] for box in boxes_of(record))) for record in records
    )


def test_scenes_pack_and_the_sidecar_holds_their_boxes(tmp_path):
    layout = Layout(str(tmp_path / "root"))
    report = pack(scenes(), layout=layout, config=PackingConfig(num_workers=1))
    assert report.num_samples == 40


def test_scenes_without_anything_in_them_are_scenes():
    source = scenes(min_things=0, max_things=0)
    (record,) = source.read([next(source.references())])
    assert (boxes_of(record), record.caption, record.language) == ([], "", "und")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_scene": 3}, "unknown 'num_scene'"),
        ({"num_scenes": "many"}, "Expected a number such as 5000"),
        ({"num_scenes": True}, "Expected a number"),
        ({"num_scenes": 0}, "num_scenes = 0"),
        ({"min_things": 6}, "min_things = 6"),
        ({"max_side_pixels": 500}, "does not fit"),
    ],
)
def test_a_setting_that_cannot_be_is_named(settings, message):
    with pytest.raises(SourceError, match=message):
        settings_of(settings, what="corpus scenes: scenes")
