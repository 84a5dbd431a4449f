"""Parquet with the schema metadata that `datasets` writes; its own files are read in tests/compat."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.errors import SourceError
from pipelines.sources.huggingface import open_huggingface
from tests.conftest import flac, png

MEDIA = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
FEATURES = {
    "photo": {"_type": "Image"},
    "sound": {"sampling_rate": 16000, "_type": "Audio"},
    "captions": {"feature": {"dtype": "string", "_type": "Value"}, "_type": "List"},
    "kind": {"names": ["cat", "dog"], "_type": "ClassLabel"},
    "year": {"dtype": "int32", "_type": "Value"},
}


def write_split(path: Path, rows: list[dict[str, object]], features: object = FEATURES) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    fields = [
        ("photo", MEDIA), ("sound", MEDIA), ("captions", pa.list_(pa.string())), ("kind", pa.int64()),
        ("year", pa.int32()),
    ]  # fmt: skip
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(pa.Table.from_pylist(rows, pa.schema(fields, metadata)), path, row_group_size=2)
    return path


def row(number: int) -> dict[str, object]:
    return {
        "photo": {"bytes": png(number), "path": "image.png"},
        "sound": {"bytes": flac(number, 0.05), "path": None},
        "captions": [f"caption {number}", "another"],
        "kind": number % 2,
        "year": 1990 + number,
    }


def test_columns_come_from_the_features_and_splits_from_the_names_of_files(tmp_path: Path):
    write_split(tmp_path / "data" / "train-00000-of-00001.parquet", [row(n) for n in range(5)])
    write_split(tmp_path / "data" / "test-00000-of-00001.parquet", [row(9)])
    source = open_huggingface([str(tmp_path)], corpus="c", languages=("en",))
    found = list(source.read(source.references()))
    assert [one.original_data["split"] for one in found] == ["test"] + ["train"] * 5
    first = found[1]
    assert (first.image, first.audio, first.image_extension) == (png(0), flac(0, 0.05), "png")
    assert (first.texts, first.captions, first.tags) == ({"en": "caption 0"}, ("another",), ("cat",))
    assert first.original_data["year"] == "1990"
    assert first.reference.name == "data/train-00000-of-00001.parquet#0"
    assert str(source.facts()["columns"]) == "image=photo audio=sound text=captions tags=kind"


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("default/validation/0000.parquet", "validation"),
        ("train.parquet", "train"),
        ("en-00000-of-00002-abc.parquet", "en"),
        ("x.parquet", None),
    ],
)
def test_a_split_is_a_folder_or_the_start_of_a_name(tmp_path: Path, name: str, split: str | None):
    write_split(tmp_path / name, [row(1)])
    source = open_huggingface([str(tmp_path)], corpus="c")
    assert next(source.read(source.references())).original_data.get("split") == split


def test_a_picture_by_path_alone_lies_beside_the_table_and_a_missing_one_is_none(tmp_path: Path):
    (tmp_path / "a.png").write_bytes(b"A")
    photos = [{"bytes": None, "path": "a.png"}, None, {"bytes": None, "path": None}]
    write_split(tmp_path / "x.parquet", [{**row(1), "photo": photo} for photo in photos])
    source = open_huggingface([str(tmp_path)], corpus="c")
    assert [one.image for one in source.read(source.references())] == [b"A", None, None]


@pytest.mark.parametrize(
    "features", ["x", None, {"photo": 3}, {"photo": {"_type": ["Image"]}}, {"gone": {"_type": "Image"}}]
)
def test_features_that_are_nonsense_are_not_believed(tmp_path: Path, features: object):
    write_split(tmp_path / "x.parquet", [row(1)], features)
    source = open_huggingface([str(tmp_path)], corpus="c")
    assert next(source.read(source.references())).caption == "caption 1"


def test_files_of_save_to_disk_are_told_apart(tmp_path: Path):
    (tmp_path / "data-00000-of-00001.arrow").write_bytes(b"ARROW1")
    with pytest.raises(SourceError, match=r"was written by save_to_disk\. Write Parquet instead"):
        open_huggingface([str(tmp_path)], corpus="c")
