"""The aligner's evaluation: retrieval on concepts, languages and voices that training never saw."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mmmodels.alignment.aligner import Aligner
from mmmodels.alignment.bundle import build_aligner, load_aligner, read_bundle
from mmmodels.evaluation.retrieval import Ranked, joined, ranks_of
from mmmodels.preparing import Prepared
from pipelines.curation.splits import Split

PROTOCOL = {
    "version": 1,
    "ranking": "cosine; a tie counts against the query",
    "held_out_concept": "one candidate per concept, within each language; queries of all languages together",
    "held_out_language": "all samples whose concept is seen but not in this language, all languages in one index",
    "held_out_voice": "all samples whose voice is not heard in training, one index; only directions with audio",
    "intervals": "95 % bootstrap over concepts, 1000 resamples",
}
PRIMARY = "held_out_concept/*/r_at_10"
"""Metrics whose answers are compared between groups."""
MODALITIES = ("image", "text", "audio")
DIRECTIONS = tuple(permutations(MODALITIES, 2))


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationSet:
    """One suite of questions: lists of rows, each list one candidate set."""

    name: str
    candidate_sets: tuple[NDArray[np.int64], ...]
    directions: tuple[tuple[str, str], ...]


def measure(bundle_uri: str, data: Prepared) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The suite `retrieval`: see PROTOCOL; beside each metric that of the same model before training."""
    metrics, queries = metrics_of(load_aligner(bundle_uri), _untrained(bundle_uri), data)
    return {"metrics": metrics}, queries


def _untrained(bundle_uri: str) -> Aligner:
    bundle = read_bundle(bundle_uri)
    torch.manual_seed(bundle.recipe.training.seed)
    return Aligner(build_aligner(bundle.recipe.model), tokenizer=bundle.tokenizer, digest="untrained")


def evaluation_sets(data: Prepared) -> list[EvaluationSet]:
    """The three sets of a view; a set without two candidates in any of its lists is left out."""
    concept = _one_per_group(data, _by_language(data, data.in_split(Split.HELD_OUT_CONCEPT)))
    # In a corpus of one language a concept may have nothing left to be seen by: then it is no held-out pair.
    seen = np.isin(data.groups, data.groups[data.in_split(Split.TRAIN)])
    language = [np.flatnonzero(data.in_split(Split.HELD_OUT_LANGUAGE) & seen)]
    voice = [np.flatnonzero(data.in_split(Split.HELD_OUT_VOICE) & seen)]
    with_audio = tuple(direction for direction in DIRECTIONS if "audio" in direction)
    sets = [
        EvaluationSet(name=name, candidate_sets=tuple(rows for rows in lists if len(rows) > 1), directions=directions)
        for name, lists, directions in (
            ("held_out_concept", concept, DIRECTIONS),
            ("held_out_language", language, DIRECTIONS),
            ("held_out_voice", voice, with_audio),
        )
    ]
    return [found for found in sets if found.candidate_sets]


def _by_language(data: Prepared, chosen: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    languages = np.array(data.column("language"), dtype=str)
    return [np.flatnonzero(chosen & (languages == language)) for language in sorted(set(languages[chosen]))]


def _one_per_group(data: Prepared, lists: list[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
    """Variants of one concept (skin tones) would be wrong answers that are right."""
    return [rows[np.sort(np.unique(data.groups[rows], return_index=True)[1])] for rows in lists]


Embed = Callable[[str, NDArray[Any]], NDArray[np.float32]]


def rank_all(data: Prepared, sets: list[EvaluationSet], embed: Embed) -> dict[str, tuple[Ranked, NDArray[np.int64]]]:
    """`set/a_to_b` -> ranks and the query rows; a direction without two complete pairs is left out."""
    rows = np.unique(np.concatenate([rows for found in sets for rows in found.candidate_sets]))
    vectors = {modality: _vectors(data, modality, rows, embed) for modality in MODALITIES}
    position = np.full(len(data.table), -1)
    position[rows] = np.arange(len(rows))
    results = {}
    for found in sets:
        for source, target in found.directions:
            parts, queries = [], []
            for candidates in found.candidate_sets:
                complete = candidates[data.has(source)[candidates] & data.has(target)[candidates]]
                if len(complete) < 2:
                    continue
                ranks = ranks_of(vectors[source][position[complete]], vectors[target][position[complete]])
                sizes = np.full(len(complete), len(complete))
                parts.append(Ranked(ranks=ranks, num_candidates=sizes, clusters=data.groups[complete]))
                queries.append(complete)
            if parts:
                results[f"{found.name}/{source}_to_{target}"] = joined(parts), np.concatenate(queries)
    return results


def _vectors(data: Prepared, modality: str, rows: NDArray[np.int64], embed: Embed) -> NDArray[np.float32]:
    """(rows, D); rows that share a medium share its vector, rows without it are zero."""
    numbers = data.captions[rows] if modality == "text" else data.media[modality].index[rows]
    distinct, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    chosen = first[distinct >= 0]
    entries = np.stack([rows[chosen], data.captions[rows[chosen]]], axis=1)
    vectors = embed(modality, data.inputs(modality, entries)) if len(chosen) else np.zeros((0, 1), dtype=np.float32)
    blank = np.zeros((1 if (distinct < 0).any() else 0, vectors.shape[1]), dtype=np.float32)
    return np.concatenate([blank, vectors])[inverse]


def metrics_of(trained: Aligner, untrained: Aligner, data: Prepared) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """All metrics with the untrained model's value beside each, and one row per (metric, query) for paired tests."""
    sets = evaluation_sets(data)
    if not sets:
        return {}, []
    before = rank_all(data, sets, untrained.embed_tensor)
    metrics: dict[str, Any] = {}
    queries: list[dict[str, Any]] = []
    uids, groups = data.column("uid"), data.column("group")
    for name, (ranked, rows) in rank_all(data, sets, trained.embed_tensor).items():
        plain = before[name][0].metrics()
        for metric, values in ranked.metrics().items():
            metrics[f"{name}/{metric}"] = values | {"untrained": plain[metric]["value"]}
        for cutoff in (1, 10):
            hits = ranked.hits(cutoff)
            metric = f"{name}/r_at_{cutoff}"
            queries += [
                {"metric": metric, "uid": uids[row], "group": groups[row], "hit": hit}
                for row, hit in zip(rows, hits, strict=True)
            ]
    return metrics, queries
