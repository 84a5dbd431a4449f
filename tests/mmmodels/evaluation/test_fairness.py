"""Fairness by examples that fit on paper."""

import math

import numpy as np
import pytest

from mmmodels.errors import RecipeError
from mmmodels.evaluation.biases import biases
from mmmodels.evaluation.fairness import group_gap, max_skew, ndkl, ranking_fairness, toxicity


def test_the_worst_group_and_its_gap_to_the_best():
    values = np.array([1.0] * 9 + [0.0] + [1.0] * 4 + [0.0] * 6 + [0.0] * 3)
    groups = ["en"] * 10 + ["fr"] * 10 + ["ru"] * 3
    found, each = group_gap(values, groups, clusters=np.arange(23))
    assert found["worst_group"]["value"] == pytest.approx(0.4)
    assert found["worst_group"]["worst"] == "fr"  # of three samples in Russian nothing is said
    gap = found["worst_group_gap"]
    assert gap["value"] == pytest.approx(0.5)
    assert gap["low"] < 0.5 < gap["high"]
    assert (gap["best"], gap["n"], each["ru"]["n"]) == ("en", 20, 3)


def test_equal_groups_have_no_gap_and_a_single_one_has_none_to_be_held_against():
    values, groups = np.ones(20), ["a"] * 10 + ["b"] * 10
    found, _ = group_gap(values, groups, clusters=np.arange(20))
    assert (found["worst_group_gap"]["low"], found["worst_group_gap"]["value"]) == (0, 0)
    assert group_gap(values, ["a"] * 20, clusters=np.arange(20))[0] == {}


def test_max_skew_of_a_first_half_of_one_group():
    desired = {"a": 0.5, "b": 0.5}
    assert max_skew(["a", "a", "b", "b"], cutoff=2, desired=desired) == pytest.approx(math.log(2))
    assert max_skew(["a", "b", "a", "b"], cutoff=2, desired=desired) == 0
    assert max_skew(["a", "b", "b", "b"], cutoff=4, desired=desired) == pytest.approx(math.log(0.75 / 0.5))


def test_ndkl_of_two_candidates():
    # First place: KL((1, 0) || (1/2, 1/2)) = ln 2, weight 1; both places: 0, weight 1 / log2(3).
    wanted = math.log(2) / (1 + 1 / math.log2(3))
    assert ndkl(["a", "b"], desired={"a": 0.5, "b": 0.5}) == pytest.approx(wanted)


def test_a_ranking_by_group_is_skewed_and_one_at_random_is_as_chance_has_it():
    random = np.random.default_rng(3)
    groups = ["a"] * 50 + ["b"] * 50
    blind = ranking_fairness(random.random((60, 100)).astype(np.float32), groups, clusters=np.arange(60))
    by_group = np.tile((np.arange(100) < 50).astype(np.float32), (60, 1))
    skewed = ranking_fairness(by_group, groups, clusters=np.arange(60))
    assert skewed["max_skew_at_10"]["value"] == pytest.approx(math.log(2))
    for name in ("max_skew_at_10", "ndkl"):
        assert blind[name]["low"] <= blind[name]["chance"] * 1.5
        assert skewed[name]["low"] > 2 * blind[name]["high"]


def test_the_toxicity_rate_counts_texts_with_a_listed_word_and_not_languages_without_a_list():
    texts = ["a kind cat", "you bastard", "the Bastardo grape", "ein Hund", "nothing known"]
    rate = toxicity(texts, ["en", "en-GB", "en", "de", "xx"])["toxicity_rate"]
    assert (rate["n"], rate["num_unlisted"]) == (4, 1)
    assert rate["value"] == pytest.approx(0.25)  # whole words only
    assert toxicity(["a"], ["xx"]) == {}


def test_generated_texts_and_a_declared_column_come_into_the_report(patterns_view, patterns_data):
    table = patterns_view.table(["uid", "group", "language"]).to_pylist()
    queries = [
        {"metric": "exact", "uid": row["uid"], "group": row["group"], "hit": float(row["language"] == "en")}
        for row in table
    ]
    details = {"generated": [{"uid": "1", "text": "a red kite", "language": "en"}]}
    place = {"view": patterns_view, "data": patterns_data, "primary": "exact"}
    metrics, groups = biases(details, queries, columns=["language"], **place)
    assert metrics["bias/language/worst_group_gap"]["value"] == 1
    assert metrics["bias/toxicity_rate"]["value"] == 0
    assert groups["language"]["fr"]["value"] == 0
    with pytest.raises(RecipeError, match="--group colour: the view has no such column"):
        biases(details, queries, columns=["colour"], **place)
