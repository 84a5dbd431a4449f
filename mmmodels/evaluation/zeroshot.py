"""Zero-shot classification (Radford et al. 2021): pictures and clips of unseen concepts, told apart by names alone.

A class is a name; its vector is the mean of the unit vectors of its prompts, at length one again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmmodels.alignment.aligner import Aligner
from mmmodels.evaluation.intervals import RESAMPLES, SEED, mean_interval
from mmmodels.evaluation.items import Index, item_numbers
from mmmodels.evaluation.ranking import TIE, ranks_of
from mmmodels.evaluation.templates import AUDIO, IMAGE, OTHER, prompts, templates_of
from mmmodels.preparing import Prepared
from pipelines.curation.splits import Split
from pipelines.samples import digest_of

PROTOCOL = {
    "version": 1,
    "score": "cosine with the class's vector",
    "tie": f"scores within {TIE:g} are equal; a tie counts against the query",
    "classes": "the names of held-out concepts in one language, from the view's texts; equal names are one class",
    "queries": "every distinct picture of these concepts; every distinct clip that speaks the language",
    "class_vector": "mean of the unit vectors of the prompts, at length one",
    "templates": digest_of({"image": IMAGE, "audio": AUDIO, "other": OTHER}),
    "intervals": f"95 % percentile bootstrap over concepts, {RESAMPLES} resamples, seed {SEED}",
}
CUTOFFS = (1, 5)
CLASSES_AT_ONCE = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """What a model made of the queries of one language."""

    ranks: NDArray[np.int64]
    """(queries,): wrong classes before the right one."""
    classes: NDArray[np.int64]
    """(queries,): the right one."""
    num_classes: int
    rows: NDArray[np.int64]
    """(queries,): a row of the view that holds it."""


def metrics_of(aligner: Aligner, data: Prepared) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """`zero_shot/image_fr/acc_at_1` and so on, over all languages together as `image_all`; a row of each question."""
    present = aligner.model.config.modalities
    held_out = np.flatnonzero(data.in_split(Split.HELD_OUT_CONCEPT) & (data.groups >= 0))
    if "text" not in present or not len(held_out):
        return {}, []
    names = class_names(data, held_out)
    metrics: dict[str, Any] = {}
    queries: list[dict[str, Any]] = []
    uids, groups = data.column("uid"), data.column("group")
    for modality in ("image", "audio"):
        found = dict(_by_language(aligner, data, modality, held_out, names)) if modality in present else {}
        for language, answers in found.items():
            place = f"zero_shot/{modality}_{language}"
            metrics |= {f"{place}/{name}": row for name, row in _metrics(data, [answers]).items()}
            queries += [
                {"metric": f"{place}/acc_at_1", "uid": uids[row], "group": groups[row], "hit": float(rank == 0)}
                for row, rank in zip(answers.rows.tolist(), answers.ranks.tolist(), strict=True)
            ]
        if len(found) > 1:
            every = _metrics(data, list(found.values()))
            metrics |= {f"zero_shot/{modality}_all/{name}": row for name, row in every.items()}
    return metrics, queries


def class_names(data: Prepared, rows: NDArray[np.int64]) -> dict[str, dict[int, str]]:
    """Language -> number of the concept -> its name, as the first sample of the concept that has one gives it."""
    found: dict[str, dict[int, str]] = {}
    for group, texts in zip(data.groups[rows].tolist(), data.table["texts"].take(rows).to_pylist(), strict=True):
        for language, text in texts or ():
            if text:
                found.setdefault(language, {}).setdefault(group, text)
    return dict(sorted(found.items()))


def class_vectors(aligner: Aligner, names: list[str], templates: tuple[str, ...]) -> NDArray[np.float32]:
    """(C, D): of each name the mean of its prompts' unit vectors, at length one."""
    parts = []
    for start in range(0, len(names), CLASSES_AT_ONCE):
        some = names[start : start + CLASSES_AT_ONCE]
        vectors = aligner.embed_texts([prompt for name in some for prompt in prompts(name, templates)])
        means_CD = vectors.reshape(len(some), len(templates), -1).mean(axis=1)
        parts.append(means_CD / np.linalg.norm(means_CD, axis=1, keepdims=True).clip(min=1e-12))
    return np.concatenate(parts)


def _by_language(
    aligner: Aligner, data: Prepared, modality: str, held_out: NDArray[np.int64], names: dict[str, dict[int, str]]
) -> Iterator[tuple[str, Answers]]:
    """Languages with two classes and a query."""
    items = item_numbers(data, modality)
    index = Index.of(data, modality, held_out, aligner.embed_tensor)
    spoken = np.array([language or "" for language in data.column("language")])
    for language, of_group in names.items():
        classes = {name: number for number, name in enumerate(sorted(set(of_group.values())))}
        fits = np.isin(data.groups[held_out], list(of_group)) & (items[held_out] >= 0)
        rows = held_out[fits & (spoken[held_out] == language)] if modality == "audio" else held_out[fits]
        rows = rows[np.sort(np.unique(items[rows], return_index=True)[1])]
        if len(classes) < 2 or not len(rows):
            continue
        right = np.array([classes[of_group[group]] for group in data.groups[rows].tolist()])
        vectors_CD = class_vectors(aligner, list(classes), templates_of(modality, language))
        pairs = np.stack([np.arange(len(rows)), right], axis=1)
        ranks = ranks_of(index.vectors(items[rows]), vectors_CD, pairs)
        yield language, Answers(ranks=ranks, classes=right, num_classes=len(classes), rows=rows)


def _metrics(data: Prepared, parts: list[Answers]) -> dict[str, dict[str, Any]]:
    """Accuracy at 1 and 5, and the mean over classes of the share of their queries that were told right."""
    ranks = np.concatenate([part.ranks for part in parts])
    clusters = data.groups[np.concatenate([part.rows for part in parts])]
    sizes = np.concatenate([np.full(len(part.rows), part.num_classes) for part in parts])
    shape = {"n": len(ranks), "num_candidates": float(np.median(sizes))}
    found = {}
    for cutoff in CUTOFFS:
        hits = (ranks < cutoff).astype(np.float64)
        low, high = mean_interval(hits, clusters=clusters)
        chance = float(np.minimum(1.0, cutoff / sizes).mean())
        found[f"acc_at_{cutoff}"] = {"value": float(hits.mean()), "low": low, "high": high, "chance": chance} | shape
    recalls, of_concept = map(np.concatenate, zip(*(_recalls(data, part) for part in parts), strict=True))
    low, high = mean_interval(recalls, clusters=of_concept)
    chance = float(np.mean([1 / part.num_classes for part in parts]))
    mean = {"value": float(recalls.mean()), "low": low, "high": high, "chance": chance}
    return found | {"mean_class_recall": mean | shape | {"n": len(recalls)}}


def _recalls(data: Prepared, part: Answers) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Of each class with a query: the share of its queries that were told right, and a concept of that name."""
    _, first, number = np.unique(part.classes, return_index=True, return_inverse=True)
    right = np.bincount(number, weights=part.ranks == 0) / np.bincount(number)
    return right, data.groups[part.rows[first]]
