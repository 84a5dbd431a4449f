"""Ranks, chance and intervals."""

import numpy as np
import pytest

from mmmodels.evaluation.intervals import mean_interval
from mmmodels.evaluation.retrieval import CHUNK, Ranked, joined, ranks_of


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_a_perfect_encoder_ranks_every_answer_first_whatever_the_chunks():
    vectors = unit(np.random.default_rng(0).standard_normal((CHUNK + 7, 16)))
    assert not ranks_of(vectors, vectors).any()


def test_a_tie_counts_against_the_query():
    constant = unit(np.ones((5, 4)))
    assert ranks_of(constant, constant).tolist() == [4] * 5


def test_an_encoder_that_knows_nothing_is_at_chance():
    rng = np.random.default_rng(1)
    queries, candidates = (unit(rng.standard_normal((400, 16))) for _ in range(2))
    ranked = Ranked(ranks=ranks_of(queries, candidates), num_candidates=np.full(400, 400), clusters=np.arange(400))
    metric = ranked.metrics()["r_at_10"]
    assert metric["chance"] == pytest.approx(10 / 400)
    assert metric["low"] <= metric["chance"] <= metric["high"]


def test_candidate_sets_of_different_size_keep_their_own_chance():
    parts = [
        Ranked(ranks=np.zeros(n, dtype=np.int64), num_candidates=np.full(n, n), clusters=np.arange(n)) for n in (5, 20)
    ]
    metric = joined(parts).metrics()["r_at_10"]
    assert metric["chance"] == pytest.approx((5 * 1.0 + 20 * 0.5) / 25)
    assert metric["value"] == 1.0


def test_queries_of_one_cluster_widen_the_interval():
    values = np.repeat(np.random.default_rng(2).integers(0, 2, 40), 6).astype(float)
    low, high = mean_interval(values)
    low_clustered, high_clustered = mean_interval(values, clusters=np.repeat(np.arange(40), 6))
    assert high_clustered - low_clustered > 1.5 * (high - low)
    assert low_clustered < values.mean() < high_clustered
