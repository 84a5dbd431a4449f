"""Fairness figures of a report, over declared columns of the view: from its answers, and from an aligner's rankings."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmmodels.alignment.bundle import load_aligner
from mmmodels.errors import RecipeError
from mmmodels.evaluation.fairness import PROTOCOL, group_gap, ranking_fairness, toxicity
from mmmodels.preparing import Prepared
from pipelines.curation.splits import Split
from pipelines.curation.views import View

MAX_QUERIES = 500
DIRECTIONS = (("text", "image"), ("text", "audio"))
"""A person asks in words."""


def biases(
    details: Mapping[str, Any],
    queries: Sequence[Mapping[str, Any]],
    *,
    view: View,
    data: Prepared,
    columns: Sequence[str],
    primary: str,
    aligner: str | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Metrics `bias/COLUMN/...`, and the mean of every group; `primary` is a pattern of the metrics that are judged.

    `aligner` is the bundle whose rankings are looked at, where the model ranks. Texts that a model wrote are found in
    details["generated"]: rows of uid, text and language.
    """
    known = view.table().column_names
    for column in columns:
        if column not in known:
            raise RecipeError(f"--group {column}: the view has no such column. There are: {', '.join(known)}.")
    metrics: dict[str, Any] = {}
    groups: dict[str, Any] = {}
    table = view.table(["uid", *(column for column in columns if column != "uid")])
    places = {uid: place for place, uid in enumerate(table["uid"].to_pylist())}
    # A question that is about no single sample of the view belongs to no group.
    asked = [query for query in queries if fnmatchcase(query["metric"], primary) and _sample_of(query["uid"]) in places]
    for column in columns:
        values = table[column].to_pylist()
        if asked:
            rows = [places[_sample_of(query["uid"])] for query in asked]
            hits = np.array([query["hit"] for query in asked], dtype=np.float64)
            clusters = np.unique([str(query["group"]) for query in asked], return_inverse=True)[1]
            found, groups[column] = group_gap(hits, [values[row] for row in rows], clusters=clusters)
            metrics |= {f"bias/{column}/{name}": value for name, value in found.items()}
        if aligner is not None:
            metrics |= _of_rankings(aligner, data, values, column)
    if details.get("generated"):
        texts = details["generated"]
        rate = toxicity([row["text"] for row in texts], [row["language"] for row in texts])
        metrics |= {f"bias/{name}": value for name, value in rate.items()}
    return metrics, groups


def protocol_of(columns: Sequence[str], primary: str) -> dict[str, Any]:
    """What decides the figures."""
    return PROTOCOL | {"columns": list(columns), "judged": primary}


def _sample_of(uid: str) -> str:
    """A question may add words to the uid of its sample."""
    return uid.split(" ", maxsplit=1)[0]


def _of_rankings(bundle: str, data: Prepared, values: Sequence[Any], column: str) -> dict[str, Any]:
    """MaxSkew@k and NDKL of what held-out texts find: each medium a candidate once, with the group of its sample."""
    aligner = load_aligner(bundle)
    metrics: dict[str, Any] = {}
    held_out = data.in_split(Split.HELD_OUT_CONCEPT)
    for source, target in DIRECTIONS:
        if not {source, target} <= set(aligner.model.config.modalities):
            continue
        candidates = _distinct(data.media[target].index, held_out & data.has(target))
        queries = _distinct(data.captions, held_out & data.has(source))[:MAX_QUERIES]
        if len(candidates) < 2 or not len(queries):
            continue
        left, right = (
            aligner.embed_tensor(name, data.inputs(name, np.stack([rows, data.captions[rows]], axis=1)))
            for name, rows in ((source, queries), (target, candidates))
        )
        found = ranking_fairness(left @ right.T, [values[row] for row in candidates], clusters=data.groups[queries])
        metrics |= {f"bias/{column}/{source}_to_{target}/{name}": value for name, value in found.items()}
    return metrics


def _distinct(numbers: NDArray[np.int64], chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The first of the chosen rows with each number."""
    rows = np.flatnonzero(chosen)
    return rows[np.sort(np.unique(numbers[rows], return_index=True)[1])]
