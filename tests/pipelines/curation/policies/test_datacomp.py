import duckdb
import numpy as np
import pyarrow as pa
import pytest

from pipelines.curation.parsing import parse
from pipelines.curation.policy import load_policy
from tests.pipelines.curation.policies.datacomp import BASELINES, clip_score, pool, with_relations
from tests.pipelines.curation.pools import evaluate


def kept(name: str, table: pa.Table, **params: object) -> np.ndarray:
    """By the engine."""
    ruling = evaluate(parse(load_policy(name).with_params(params)), table)
    return ~np.logical_or.reduce([np.zeros(len(table), dtype=bool), *ruling.faults.values()])


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return with_relations(pool())


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_keeps_what_its_published_definition_keeps(name, table):
    params, baseline = BASELINES[name]
    expected = baseline(table)
    assert np.array_equal(kept(name, table, **params), expected)
    assert name == "datacomp_no_filter" or 20 < expected.sum() < len(table) / 2


@pytest.mark.parametrize("name", BASELINES)
def test_it_runs_unchanged_in_any_duckdb_shell(name, table):
    params, baseline = BASELINES[name]
    policy = load_policy(name).with_params(params)
    with duckdb.connect() as connection:
        connection.register("samples", table)
        found = connection.sql(policy.sql, params=dict(policy.params) or None).to_arrow_table().sort_by("uid")
    faults = [found[column].fill_null(False).to_numpy() for column in found.column_names if column != "uid"]
    assert np.array_equal(~np.logical_or.reduce([np.zeros(len(table), dtype=bool), *faults]), baseline(table))


@pytest.mark.parametrize("num_rows", [1, 2, 3, 7, 10, 4000])
@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.3, 1 / 3, 0.7, 0.999])
def test_the_threshold_of_a_fraction_is_the_score_at_its_place_and_ties_stay(num_rows, fraction):
    table = pool(num_rows, seed=num_rows)
    assert np.array_equal(kept("datacomp_clip_score", table, fraction=fraction), clip_score(table, fraction=fraction))


def test_a_fraction_of_one_keeps_every_pair_that_has_a_score():
    table = pool(50, seed=3)  # their code ends in an IndexError
    assert np.array_equal(kept("datacomp_clip_score", table, fraction=1.0), ~np.isnan(table["image_text_score"]))


def test_a_threshold_is_compared_at_the_precision_of_the_scores():
    scores = np.float32([0.28, 0.281, 0.3, 0.1])
    table = pool(4).set_column(5, "image_text_score", pa.array(scores))
    for threshold in (0.28, 0.281, 0.3, 0.1):
        assert np.array_equal(
            kept("datacomp_clip_threshold", table, threshold=threshold), clip_score(table, threshold=threshold)
        )
        assert kept("datacomp_clip_threshold", table, threshold=threshold)[scores == np.float32(threshold)].all()


@pytest.mark.parametrize("name", [name for name in BASELINES if name != "datacomp_no_filter"])
def test_in_a_mixed_pool_what_is_no_pair_is_called_that_and_counts_for_no_fraction(name, table):
    params, _ = BASELINES[name]
    sounds = table.slice(0, 900)
    for column, values in {
        "uid": [f"f{row:031x}" for row in range(900)],
        "caption": pa.nulls(900, pa.string()),
        "image_text_score": pa.nulls(900, pa.float32()),
        "has_image": [False] * 900,
        "has_text": [False] * 900,
    }.items():
        sounds = sounds.set_column(sounds.column_names.index(column), column, pa.array(values))
    mixed = pa.concat_tables([sounds.cast(table.schema), table])
    ruling = evaluate(parse(load_policy(name).with_params(params)), mixed)
    assert np.array_equal(ruling.faults["not_a_pair"], np.arange(len(mixed)) < 900)
    assert np.array_equal(kept(name, mixed, **params)[900:], kept(name, table, **params))
