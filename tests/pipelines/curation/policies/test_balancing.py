import numpy as np
import pyarrow as pa
import pytest

from pipelines.curation.parsing import parse
from pipelines.curation.policy import load_policy
from tests.pipelines.curation.pools import evaluate


def samples(matched: list[list[int] | None]) -> pa.Table:
    uids = [f"{row:032x}" for row in range(len(matched))]
    return pa.table({"uid": uids, "matched_entries": pa.array(matched, pa.list_(pa.uint32()))})


def judged(matched: list[list[int] | None], max_matches: int):
    policy = load_policy("metaclip").with_params({"max_matches": max_matches})
    return evaluate(parse(policy), samples(matched))


def algorithm_1(matched: list[list[int]], t: int, rng: np.random.Generator) -> np.ndarray:
    """MetaCLIP's sampling of one subset: a coin for every match, kept where any falls right."""
    count = np.bincount([entry for found in matched for entry in found])
    chance = t / np.maximum(count, t)
    return np.array([any(rng.random() < chance[entry] for entry in found) for found in matched])


def test_the_weight_of_a_sample_is_the_share_of_subsets_that_algorithm_1_keeps_it_in():
    rng = np.random.default_rng(0)
    matched = [sorted({*rng.zipf(1.6, rng.integers(1, 4)).clip(0, 30).tolist()}) for _ in range(300)]
    ruling = judged(matched, 20)
    share = np.mean([algorithm_1(matched, 20, rng) for _ in range(4000)], axis=0)
    assert np.allclose(ruling.weight, share, atol=0.04)  # five standard errors
    assert ruling.weight.min() < 0.2
    assert (ruling.weight == 1).any()


def test_an_entry_of_the_tail_keeps_all_that_match_it():
    ruling = judged([[0], [0], [0, 1], [0]], 1)
    assert ruling.weight.tolist() == pytest.approx([0.25, 0.25, 1.0, 0.25])


def test_what_matches_nothing_is_dropped_and_weighs_what_a_weight_must():
    ruling = judged([[0], [], None], 1)
    assert ruling.faults["no_entry"].tolist() == [False, True, False]
    assert ruling.faults["no_caption"].tolist() == [False, False, True]
    assert ruling.weight.tolist() == [1, 1, 1]


@pytest.mark.parametrize("fraction", [0.0, 0.25, 0.5, 1.0])
def test_neg_clip_loss_keeps_a_fraction_of_the_pairs_with_its_ties(fraction):
    values = pa.array([-0.1, -0.4, None, -0.2, -0.2, -0.3], pa.float32())
    table = pa.table(
        {
            "uid": [f"{row:032x}" for row in range(6)],
            "neg_clip_loss": values,
            "norm_sim_inf": pa.array([0.9, 0.9, 0.9, 0.1, 0.9, 0.9], pa.float32()),
            "has_image": [True, True, False, True, True, True],
            "has_text": [True] * 6,
        }
    )
    kept = {}
    for name in ("neg_clip_loss", "norm_sim"):
        ruling = evaluate(parse(load_policy(name).with_params({"fraction": fraction})), table)
        kept[name] = np.flatnonzero(~np.logical_or.reduce(list(ruling.faults.values()))).tolist()
    expected = {0.0: [0], 0.25: [0, 3, 4], 0.5: [0, 3, 4], 1.0: [0, 1, 3, 4, 5]}[fraction]
    assert kept["neg_clip_loss"] == expected
    assert kept["norm_sim"] == [row for row in expected if row != 3]
