"""The aligner's evaluation: retrieval on concepts, languages and voices that training never saw."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mmmodels.alignment.aligner import Aligner
from mmmodels.alignment.bundle import Bundle, build_aligner, load_aligner, read_bundle
from mmmodels.evaluation import zeroshot
from mmmodels.evaluation.intervals import RESAMPLES, SEED
from mmmodels.evaluation.items import Embed, Index, item_numbers
from mmmodels.evaluation.protocols import inputs_of, stamped
from mmmodels.evaluation.ranking import TIE, ranks_of
from mmmodels.evaluation.retrieval import CUTOFFS, Ranked, joined
from mmmodels.preparing import Prepared
from pipelines.curation.splits import HELD_OUT_SHARE, Split

RETRIEVAL = {
    "version": 2,
    "score": "cosine of the vectors of two parts",
    "tie": f"scores within {TIE:g} are equal; a tie counts against the query",
    "items": "one query or candidate for each distinct picture, text or clip of a set",
    "right": "what stands with the query in a sample of the set",
    "several_right": "the best of them counts (CLIP_benchmark)",
    "cutoffs": list(CUTOFFS),
    "held_out_concept": "the first sample of each concept, languages apart",
    "held_out_language": "all samples whose concept is seen but not in this language, languages together",
    "held_out_voice": "all samples whose voice is not heard in training, together; only directions with audio",
    "held_out_share": HELD_OUT_SHARE,
    "intervals": f"95 % percentile bootstrap over concepts, {RESAMPLES} resamples, seed {SEED}",
}
PRIMARY = "held_out_concept/*/r_at_10"
"""Metrics whose answers are compared between groups."""
PROTOCOL = {"version": 2, "retrieval": RETRIEVAL, "zero_shot": zeroshot.PROTOCOL}
MODALITIES = ("image", "text", "audio")
DIRECTIONS = tuple(permutations(MODALITIES, 2))


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationSet:
    """One suite of questions: lists of rows, each list one candidate set."""

    name: str
    candidate_sets: tuple[NDArray[np.int64], ...]
    directions: tuple[tuple[str, str], ...]


def measure(bundle_uri: str, data: Prepared) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The suite `retrieval`, see PROTOCOL: retrieval with the same model's figures before training, and zero-shot
    classification. Each metric names the digest of its protocol and of what the model is given, both in `protocols`.
    """
    bundle, aligner = read_bundle(bundle_uri), load_aligner(bundle_uri)
    metrics, queries = metrics_of(aligner, _untrained(bundle), data)
    classified, classified_queries = zeroshot.metrics_of(aligner, data)
    protocols: dict[str, Any] = {}
    given = inputs_of(bundle.recipe.model, bundle.tokenizer)
    metrics = stamped(metrics, RETRIEVAL | {"inputs": given}, protocols)
    metrics |= stamped(classified, zeroshot.PROTOCOL | {"inputs": given}, protocols)
    return {"metrics": metrics, "protocols": protocols}, queries + classified_queries


def _untrained(bundle: Bundle) -> Aligner:
    torch.manual_seed(bundle.recipe.training.seed)
    return Aligner(build_aligner(bundle.recipe.model), tokenizer=bundle.tokenizer, digest="untrained")


def evaluation_sets(data: Prepared, modalities: Sequence[str] = MODALITIES) -> list[EvaluationSet]:
    """The three sets of a view, as far as a model of these modalities can answer.

    A set without two candidates in any of its lists is left out.
    """
    every = tuple(direction for direction in DIRECTIONS if set(direction) <= set(modalities))
    concept = _one_per_group(data, _by_language(data, data.in_split(Split.HELD_OUT_CONCEPT)))
    # In a corpus of one language a concept may have nothing left to be seen by: then it is no held-out pair.
    seen = np.isin(data.groups, data.groups[data.in_split(Split.TRAIN)])
    language = [np.flatnonzero(data.in_split(Split.HELD_OUT_LANGUAGE) & seen)]
    voice = [np.flatnonzero(data.in_split(Split.HELD_OUT_VOICE) & seen)]
    with_audio = tuple(direction for direction in every if "audio" in direction)
    sets = [
        EvaluationSet(name=name, candidate_sets=tuple(rows for rows in lists if len(rows) > 1), directions=directions)
        for name, lists, directions in (
            ("held_out_concept", concept, every),
            ("held_out_language", language, every),
            ("held_out_voice", voice, with_audio),
        )
    ]
    return [found for found in sets if found.candidate_sets and found.directions]


def _by_language(data: Prepared, chosen: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    languages = np.array(data.column("language"), dtype=str)
    return [np.flatnonzero(chosen & (languages == language)) for language in sorted(set(languages[chosen]))]


def _one_per_group(data: Prepared, lists: list[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
    """Variants of one concept (skin tones) would be wrong answers that are right."""
    return [rows[np.sort(np.unique(data.groups[rows], return_index=True)[1])] for rows in lists]


def rank_all(data: Prepared, sets: list[EvaluationSet], embed: Embed) -> dict[str, tuple[Ranked, NDArray[np.int64]]]:
    """`set/a_to_b` -> ranks, and a row of each query; a direction without two candidates is left out."""
    rows = np.unique(np.concatenate([rows for found in sets for rows in found.candidate_sets]))
    asked = sorted({modality for found in sets for direction in found.directions for modality in direction})
    numbers = {modality: item_numbers(data, modality) for modality in asked}
    index = {modality: Index.of(data, modality, rows, embed) for modality in asked}
    results = {}
    for found in sets:
        for source, target in found.directions:
            parts, queries = [], []
            for candidates in found.candidate_sets:
                rows = candidates[(numbers[source][candidates] >= 0) & (numbers[target][candidates] >= 0)]
                if len(np.unique(numbers[target][rows])) < 2:
                    continue
                answered = _rank(data, rows, (numbers[source], index[source]), (numbers[target], index[target]))
                parts.append(answered[0])
                queries.append(answered[1])
            if parts:
                results[f"{found.name}/{source}_to_{target}"] = joined(parts), np.concatenate(queries)
    return results


Side = tuple[NDArray[np.int64], Index]
"""Of a modality: (rows,) the number of each row's item, and the items' vectors."""


def _rank(data: Prepared, rows: NDArray[np.int64], source: Side, target: Side) -> tuple[Ranked, NDArray[np.int64]]:
    """One direction among complete rows: ranks, and the first row of each query."""
    asked, first, query = np.unique(source[0][rows], return_index=True, return_inverse=True)
    offered, candidate = np.unique(target[0][rows], return_inverse=True)
    pairs = np.unique(np.stack([query, candidate], axis=1), axis=0)
    ranked = Ranked(
        ranks=ranks_of(source[1].vectors(asked), target[1].vectors(offered), pairs),
        num_candidates=np.full(len(asked), len(offered)),
        num_right=np.bincount(pairs[:, 0]),
        clusters=data.groups[rows[first]],
    )
    return ranked, rows[first]


def metrics_of(trained: Aligner, untrained: Aligner, data: Prepared) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """All metrics with the untrained model's value beside each, and one row per (metric, query) for paired tests."""
    sets = evaluation_sets(data, trained.model.config.modalities)
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
