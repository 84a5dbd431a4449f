"""Where a sample's label comes from: its first tag, a label file of the root, or the sentiment of its emoji."""

import csv
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mmmodels.errors import RecipeError
from mmmodels.preparing import Rows
from mmmodels.tasks.emoji_sentiment import sentiment_by_thing
from pipelines import storage
from pipelines.curation.views import View
from pipelines.layout import Layout
from pipelines.samples import digest_of

TAG, AGREEMENT, EMOSENT = "tag", "agreement", "emosent"
MAX_ROWS = 50_000_000


def labels_of(data: Rows, name: str) -> NDArray[np.object_]:
    """(rows,): the label of each sample as text, empty where it has none; RecipeError where no sample has one."""
    if name == TAG:
        found = [label or "" for label in data.column("label")]
    elif name == EMOSENT:
        by_group: Mapping[str, str] = sentiment_by_thing()
        found = [by_group.get(group, "") for group in data.column("group")]
    else:
        key, by_key = read_labels(data.layout, name)
        if key not in data.table.column_names:
            raise RecipeError(
                f"label file {name}: its key {key!r} is not read by this task. There are: "
                f"{', '.join(data.table.column_names)}. Key it by one of these."
            )
        found = [by_key.get(str(value), "") for value in data.column(key)]
    if not any(found):
        raise RecipeError(
            f"fusion.labels={name}: none of the {len(found)} samples has such a label. Use a corpus that has them, or "
            "store a label file: python -m mmmodels labels FILE.csv --root ROOT --view VIEW."
        )
    return np.array(found, dtype=object)


def store_labels(path: Path, *, layout: Layout, view: View) -> dict[str, Any]:
    """Put a label file into the root under the digest of its content, and say how much of the view it labels.

    The file, .csv or .parquet, has two columns: one named like a column of the view (uid, group, caption, ...), and
    `label`. Values of the first are compared as text.
    """
    key, rows = _read(path)
    columns = view.table().column_names
    if key not in columns:
        raise RecipeError(f"{path}: its first column is {key!r}, the view has {', '.join(columns)}. Name one of these.")
    by_key = dict(rows)
    if len(by_key) < len(rows):
        ((twice, _),) = Counter(name for name, _ in rows).most_common(1)
        raise RecipeError(f"{path}: {key} {twice!r} stands in it more than once. Keep one row for each.")
    digest = digest_of([key, sorted(by_key.items())])[:32]
    uri = _uri(layout, digest)
    if not storage.exists(uri):
        names = sorted(by_key)
        storage.write_table(uri, pa.table({key: names, "label": [by_key[name] for name in names]}))
    values = view.table([key])[key].to_pylist()
    num_labelled = sum(bool(by_key.get(str(value))) for value in values)
    return {"labels": digest, "key": key, "num_labels": len(set(by_key.values())), "num_rows": len(by_key)} | {
        "num_samples": len(values),
        "num_samples_labelled": num_labelled,
    }


def read_labels(layout: Layout, digest: str) -> tuple[str, dict[str, str]]:
    """Column of the view, and its value -> label; RecipeError where the root has no such file."""
    uri = _uri(layout, digest)
    if not digest.isalnum() or not storage.exists(uri):
        raise RecipeError(
            f"fusion.labels={digest}: expected tag, agreement, emosent or the digest of a label file in {layout.root}. "
            "Store one: python -m mmmodels labels FILE.csv --root ROOT --view VIEW."
        )
    table = storage.read_table(uri)
    (key,) = (name for name in table.column_names if name != "label")
    pairs = zip(table[key].to_pylist(), table["label"].to_pylist(), strict=True)
    return key, {str(value): str(label) for value, label in pairs}


def _uri(layout: Layout, digest: str) -> str:
    return layout.reference(f"labels/{digest}.parquet")


def _read(path: Path) -> tuple[str, list[tuple[str, str]]]:
    """Name of the key column, and (key, label) of every row."""
    try:
        table = _read_csv(path) if path.suffix == ".csv" else pq.read_table(path)
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowInvalid) as error:
        raise RecipeError(f"{path}: cannot be read as a label file ({error}). Give a .csv or a .parquet.") from error
    keys = [name for name in table.column_names if name != "label"]
    if len(keys) != 1 or "label" not in table.column_names or not 0 < len(table) <= MAX_ROWS:
        raise RecipeError(
            f"{path}: {len(table)} rows of {', '.join(table.column_names)}; expected rows of two columns, a column of "
            "the view (uid, group, ...) and label. Write it that way."
        )
    pairs = zip(table[keys[0]].to_pylist(), table["label"].to_pylist(), strict=True)
    return keys[0], [(str(key), str(label)) for key, label in pairs if key is not None and label is not None]


def _read_csv(path: Path) -> pa.Table:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file)
        head = next(rows, [])
        body = [row for row in rows if row]
    short = next((number for number, row in enumerate(body) if len(row) != len(head)), None)
    if short is not None:
        raise csv.Error(f"row {short + 2} has {len(body[short])} cells, the header {len(head)}")
    return pa.table({name: [row[place] for row in body] for place, name in enumerate(head)})
