"""What HF `datasets` writes into a Parquet file's schema: which columns are images, clips and classes; and splits."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace

import pyarrow as pa

from pipelines.sources.tables.columns import Columns

_SPLIT_OF_SHARD = re.compile(r"(?:.*/)?(?P<split>[A-Za-z0-9_.]+?)-\d{5}-of-\d{5}[^/]*")
_SPLITS = ("train", "validation", "valid", "val", "dev", "test", "eval", "testing", "training")


def features_of(schema: pa.Schema) -> Mapping[str, Mapping[str, object]]:
    """Column -> its feature; empty where the file was not written by `datasets`, or says nonsense."""
    try:
        features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
        return {name: one for name, one in features.items() if isinstance(one, dict) and name in schema.names}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def class_names_of(schema: pa.Schema) -> dict[str, tuple[str, ...]]:
    """Column of a ClassLabel -> the names that its numbers stand for."""
    found = {}
    for column, feature in features_of(schema).items():
        inner = feature.get("feature")  # of a list of them
        label = feature if feature.get("_type") == "ClassLabel" else inner if isinstance(inner, dict) else {}
        names = label.get("names")
        if label.get("_type") == "ClassLabel" and isinstance(names, list):
            found[column] = tuple(str(name) for name in names)
    return found


def with_features(columns: Columns, schema: pa.Schema) -> Columns:
    """The user's columns, and those that the schema says are an image, a clip or a class."""
    by_type: dict[str, str] = {}
    for column, feature in reversed(tuple(features_of(schema).items())):
        by_type[str(feature.get("_type"))] = column
    classes = next(iter(class_names_of(schema)), "")
    if not columns.media():
        columns = replace(columns, image=by_type.get("Image", ""), audio=by_type.get("Audio", ""))
    return columns if columns.tags else replace(columns, tags=classes)


def split_of(name: str) -> str:
    """`data/train-00000-of-00002.parquet` and `default/train/0000.parquet` -> `train`; "" where nothing says."""
    if match := _SPLIT_OF_SHARD.fullmatch(name):
        return match["split"]
    *folders, last = name.split("/")
    parts = [last.partition(".")[0].partition("-")[0], *reversed(folders)]
    return next((part for part in parts if part in _SPLITS), "")
