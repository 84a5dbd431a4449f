"""Recall, median rank, chance and intervals."""

import numpy as np
import pytest

from mmmodels.evaluation.intervals import mean_interval, median_interval
from mmmodels.evaluation.ranking import ranks_of
from mmmodels.evaluation.retrieval import Ranked, joined


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def ranked(ranks, *, num_candidates, num_right=1, clusters=None):
    size = len(ranks)
    return Ranked(
        ranks=np.array(ranks, dtype=np.int64),
        num_candidates=np.full(size, num_candidates),
        num_right=np.full(size, num_right),
        clusters=np.arange(size) if clusters is None else clusters,
    )


@pytest.mark.parametrize("num_right", [1, 3])
def test_an_encoder_that_knows_nothing_is_at_chance_with_one_right_answer_and_with_several(num_right):
    rng = np.random.default_rng(1)
    queries, candidates = (unit(rng.standard_normal((size, 16))) for size in (2000, 200))
    right = np.argsort(rng.random((2000, 200)), axis=1)[:, :num_right]
    pairs = np.stack([np.arange(2000).repeat(num_right), right.ravel()], axis=1)
    metrics = ranked(ranks_of(queries, candidates, pairs), num_candidates=200, num_right=num_right).metrics()
    for cutoff in (1, 5, 10):
        chance = metrics[f"r_at_{cutoff}"]["chance"]
        assert metrics[f"r_at_{cutoff}"]["value"] == pytest.approx(chance, abs=4 * np.sqrt(chance / 2000))
    expected = rng.permuted(np.tile(np.arange(200), (4000, 1)), axis=1)[:, :num_right].min(axis=1) + 1
    assert metrics["median_rank"]["chance"] == pytest.approx(expected.mean(), rel=0.1)


def test_chance_is_that_of_drawing_without_putting_back():
    few = ranked([0], num_candidates=5, num_right=2)
    assert few.chance(1) == pytest.approx([2 / 5])
    assert few.chance(3) == pytest.approx([1 - 3 / 5 * 2 / 4 * 1 / 3])
    assert few.chance(4) == pytest.approx([1.0])
    assert few.chance(10) == pytest.approx([1.0])
    assert ranked([0], num_candidates=10**6).chance(10) == pytest.approx([1e-5], rel=1e-9)


def test_candidate_sets_of_different_size_keep_their_own_chance():
    metric = joined([ranked(np.zeros(n), num_candidates=n) for n in (5, 20)]).metrics()["r_at_10"]
    assert metric["chance"] == pytest.approx((5 * 1.0 + 20 * 0.5) / 25)
    assert metric["value"] == 1.0


def test_queries_of_one_cluster_widen_the_interval():
    values = np.repeat(np.random.default_rng(2).integers(0, 2, 40), 6).astype(float)
    low, high = mean_interval(values)
    low_clustered, high_clustered = mean_interval(values, clusters=np.repeat(np.arange(40), 6))
    assert high_clustered - low_clustered > 1.5 * (high - low)
    assert low_clustered < values.mean() < high_clustered


def test_the_interval_of_the_median_holds_it_and_is_wider_by_cluster():
    values = np.repeat(np.random.default_rng(3).integers(0, 100, 41), 6)
    low, high = median_interval(values)
    low_clustered, high_clustered = median_interval(values, clusters=np.repeat(np.arange(41), 6))
    assert low_clustered <= low <= np.median(values) <= high <= high_clustered
    assert high_clustered - low_clustered > high - low


def test_intervals_of_many_clusters_are_made_a_few_resamples_at_a_time(monkeypatch):
    values = np.random.default_rng(4).random(50)
    whole = mean_interval(values)
    monkeypatch.setattr("mmmodels.evaluation.intervals.MAX_DRAWS", 50 * 7)
    assert mean_interval(values) == pytest.approx(whole, abs=0.02)
