"""Boxes of untrusted sidecars and of COCO's files."""

import json
from pathlib import Path

import pytest
from PIL import Image

from pipelines.errors import SampleError, SourceError
from pipelines.sources.boxes import MAX_BOXES, annotations_text
from pipelines.sources.catalog import corpus_at, open_source
from pipelines.sources.folder import open_folder
from pipelines.sources.notes import parse_notes

CAT = {"bbox": [1, 2, 3.5, 4], "category": "cat"}


def coco(**changes) -> dict:
    whole = {
        "images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "sub/b.png"}],
        "categories": [{"id": 7, "name": "cat"}],
        "annotations": [
            {"image_id": 1, "category_id": 7, "bbox": [1, 2, 3, 4]},
            {"image_id": 1, "category_id": 7, "bbox": [0, 0, 9, 9], "iscrowd": 1},
        ],
    }
    return whole | changes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "sub/b.png", "c.png"):
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), "red").save(path)
    (tmp_path / "pictures" / "instances.json").write_text(json.dumps(coco()))
    return tmp_path / "pictures"


def read_all(folder: Path) -> dict:
    source = open_folder(folder, corpus="mine", annotations="instances.json")
    return {
        reference.name: outcome
        for reference, outcome in zip(source.references(), source.read(source.references()), strict=True)
    }


def test_boxes_of_a_coco_file_go_with_their_pictures_and_crowds_do_not(folder: Path):
    found = read_all(folder)
    assert json.loads(found["a.png"].original_data["annotations"]) == [
        {"bbox": [1.0, 2.0, 3.0, 4.0], "category": "cat"}
    ]
    assert found["sub/b.png"].original_data["annotations"] == "[]"
    assert "annotations" not in found["c.png"].original_data, "nobody looked at it"


def test_a_catalog_names_the_file_of_boxes(folder: Path):
    corpus = corpus_at(str(folder), name="mine", reader="folder", columns={"annotations": "instances.json"})
    source = open_source(corpus, cache=folder)
    assert any("annotations" in record.original_data for record in source.read(source.references()))


def test_other_boxes_are_another_snapshot_and_other_versions(folder: Path):
    before = open_folder(folder, corpus="mine", annotations="instances.json")
    versions = [one.version for one in before.references()]
    (folder / "instances.json").write_text(json.dumps(coco(annotations=[])))
    after = open_folder(folder, corpus="mine", annotations="instances.json")
    assert after.snapshot != before.snapshot
    assert all(one.version not in versions for one in after.references())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1, 2]", "no annotations of COCO"),
        (json.dumps(coco(annotations=[{"image_id": 1, "category_id": 8, "bbox": [0, 0, 1, 1]}])), "unknown category"),
        (json.dumps(coco(annotations=[{"image_id": 5, "category_id": 7, "bbox": [0, 0, 1, 1]}])), "unknown image"),
    ],
)
def test_a_file_that_is_not_cocos_is_an_error_that_says_what_is_wrong(folder: Path, content: str, message: str):
    (folder / "instances.json").write_text(content)
    with pytest.raises(SourceError, match=message):
        read_all(folder)


def test_a_missing_file_of_boxes_is_named(folder: Path):
    with pytest.raises(SourceError, match=r"nothing\.json: cannot be read"):
        open_folder(folder, corpus="mine", annotations="nothing.json")


def test_a_damaged_box_of_a_coco_file_is_a_fault_of_its_picture_alone(folder: Path):
    bad = [{"image_id": 1, "category_id": 7, "bbox": [1, 2]}]
    (folder / "instances.json").write_text(json.dumps(coco(annotations=bad)))
    found = read_all(folder)
    assert isinstance(found["a.png"], SampleError)
    assert found["sub/b.png"].original_data["annotations"] == "[]"


def test_a_sidecar_carries_boxes_whole_however_many():
    boxes = [CAT] * 300
    found = parse_notes(json.dumps({"annotations": boxes}).encode(), name="a.json")
    assert len(json.loads(found.original_data["annotations"])) == 300
    again = parse_notes(json.dumps({"original_data": found.original_data}).encode(), name="a.json")
    assert again.original_data == found.original_data, "our own shards can be read as a corpus"


@pytest.mark.parametrize(
    "boxes",
    [
        "{",
        {"bbox": [0, 0, 1, 1]},
        [{"bbox": [0, 0, 1], "category": "cat"}],
        [{"bbox": [0, 0, 1, float("nan")], "category": "cat"}],
        [{"bbox": [0, 0, 1, 1]}],
        [{"bbox": "0011", "category": "cat"}],
        [CAT] * (MAX_BOXES + 1),
    ],
)
def test_what_is_no_list_of_boxes_is_refused(boxes):
    with pytest.raises(SampleError, match=r"a\.json"):
        annotations_text(boxes, what="a.json")
