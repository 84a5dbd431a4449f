"""Ranks by counting, several right answers, ties."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmmodels.evaluation import ranking
from mmmodels.evaluation.ranking import ranks_of


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def diagonal(size):
    return np.stack([np.arange(size)] * 2, axis=1)


@pytest.fixture(autouse=True, params=[(7, 5), (1024, 16_384)], ids=["small blocks", "one block"])
def blocks(request, monkeypatch):
    monkeypatch.setattr(ranking, "QUERIES_AT_ONCE", request.param[0])
    monkeypatch.setattr(ranking, "CANDIDATES_AT_ONCE", request.param[1])


def test_a_perfect_encoder_ranks_every_answer_first_whatever_the_blocks():
    vectors = unit(np.random.default_rng(0).standard_normal((53, 16)))
    assert not ranks_of(vectors, vectors, diagonal(53)).any()


def test_a_tie_counts_against_the_query():
    constant = unit(np.random.default_rng(0).standard_normal((1, 128)).repeat(9, axis=0))
    assert ranks_of(constant, constant, diagonal(9)).tolist() == [8] * 9


def test_right_answers_are_no_rivals_of_each_other():
    constant = unit(np.ones((6, 4)))
    pairs = np.array([[0, 5], [0, 1], [0, 3], [1, 2]])
    assert ranks_of(constant[:2], constant, pairs).tolist() == [3, 5]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 30), st.integers(1, 40), st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 9))
def test_ranks_are_those_of_sorting_whole_rows_of_scores(num_queries, num_candidates, seed, rows_once, columns_once):
    rng = np.random.default_rng(seed)
    # Coarse vectors, so that there are ties.
    queries, candidates = (rng.integers(-1, 2, (size, 3)) + 0.0 for size in (num_queries, num_candidates))
    queries, candidates = (unit(part + np.array([0, 0, 3])) for part in (queries, candidates))
    right = rng.random((num_queries, num_candidates)) < 0.2
    right[np.arange(num_queries), rng.integers(0, num_candidates, num_queries)] = True
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "QUERIES_AT_ONCE", rows_once)
        patch.setattr(ranking, "CANDIDATES_AT_ONCE", columns_once)
        found = ranks_of(queries, candidates, rng.permutation(np.argwhere(right)))
    scores = (queries.astype(np.float64) @ candidates.T.astype(np.float64)).round(6)
    for query in range(num_queries):
        order = np.lexsort((right[query], -scores[query]))  # among equals the wrong ones first
        assert found[query] == np.argmax(right[query][order])
