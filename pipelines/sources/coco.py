"""Annotations of a whole folder in one file, as COCO has them (`instances_*.json`): boxes by the name of a picture."""

import json
from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from pipelines.errors import SampleError, SourceError
from pipelines.sources.boxes import annotations_text

MAX_FILE_BYTES = 1 << 30


def check_coco(path: Path) -> str:
    """A version of the file's state; `SourceError` where there is none or it is too large."""
    try:
        stat = path.stat()
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}). Name a JSON file of annotations.") from error
    if not path.is_file() or stat.st_size > MAX_FILE_BYTES:
        raise SourceError(f"{path}: no file of at most {MAX_FILE_BYTES} bytes. Name a JSON file of annotations.")
    return f"{stat.st_size}-{stat.st_mtime_ns}"


def coco_boxes(path: Path, version: str, name: str) -> str:
    """The boxes of one picture as JSON, found by its path below the folder, else by its file name alone.

    "" where the file does not name the picture: nobody looked at it. One that is named and has no boxes is empty.
    """
    index = _index(path, version)
    found = index.get(name, index.get(PurePosixPath(name).name))
    return "" if found is None else annotations_text(found, what=f"{path.name}: {name}")


@lru_cache(maxsize=2)
def _index(path: Path, _version: str) -> Mapping[str, list[dict[str, Any]]]:
    """Picture -> its boxes; read once by each worker."""
    try:
        content = json.loads(path.read_bytes())
        names = {one["id"]: str(one["name"]) for one in content["categories"]}
        pictures = {one["id"]: str(one["file_name"]) for one in content["images"]}
        boxes: dict[str, list[dict[str, Any]]] = {name: [] for name in pictures.values()}
        unknown: defaultdict[str, int] = defaultdict(int)
        for one in content["annotations"]:
            if one["image_id"] not in pictures or one["category_id"] not in names:
                unknown["image" if one["image_id"] not in pictures else "category"] += 1
                continue
            if not one.get("iscrowd"):  # a crowd is a region, not a thing
                boxes[pictures[one["image_id"]]].append({"bbox": one["bbox"], "category": names[one["category_id"]]})
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise SourceError(
            f"{path}: no annotations of COCO ({type(error).__name__}: {error}). Expected `images` with id and "
            "file_name, `categories` with id and name, `annotations` with image_id, category_id and bbox."
        ) from error
    if unknown:
        raise SourceError(
            f"{path}: annotations name {', '.join(f'an unknown {what} ({n} times)' for what, n in unknown.items())}. "
            "Mend the file: a box without its picture or its class teaches nothing."
        )
    return boxes


def with_boxes(original_data: Mapping[str, str], boxes: str, *, name: str) -> dict[str, str]:
    """`original_data` with the boxes; `SampleError` where a sidecar has other ones."""
    if boxes and original_data.get("annotations", boxes) != boxes:
        raise SampleError(f"{name}: has boxes in its own json and others in the folder's annotations. Keep one.")
    return {**original_data, "annotations": boxes} if boxes else dict(original_data)
