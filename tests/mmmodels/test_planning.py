"""The plan: nothing lost, nothing twice, the same for any number of ranks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmmodels.errors import RecipeError
from mmmodels.planning import Plan, Pool


def pool_of(groups):
    rows = np.arange(len(groups))
    return Pool(entries=np.stack([rows, rows + 1000], axis=1), groups=np.array(groups, dtype=np.int64))


def plan_of(pools, *, batch_size=8, mixture=None, seed=0):
    mixture = mixture or dict.fromkeys(pools, 1)
    return Plan(pools=pools, mixture=mixture, batch_size=batch_size, view_digest="d" * 64, seed=seed)


@settings(max_examples=40, deadline=None)
@given(groups=st.lists(st.integers(0, 30), min_size=9, max_size=80), batch_size=st.integers(2, 16))
def test_every_entry_is_read_once_before_any_is_read_again(groups, batch_size):
    plan = plan_of({"triple": pool_of(groups)}, batch_size=batch_size)
    size = plan.size("triple")
    steps = -(-2 * len(groups) // size)
    rows = np.concatenate([plan.entries(step)[:, 0] for step in range(steps)])
    for epoch in range(2):
        assert sorted(rows[epoch * len(groups) : (epoch + 1) * len(groups)]) == list(range(len(groups)))


@settings(max_examples=40, deadline=None)
@given(step=st.integers(0, 500), seed=st.integers(0, 5))
def test_the_ranks_slices_are_the_global_batch_in_order(step, seed):
    pools = {"triple": pool_of(list(range(50))), "image_text": pool_of([number % 20 for number in range(70)])}
    plan = plan_of(pools, seed=seed)
    whole = plan.entries(step)
    for world_size in (1, 2, 4):
        parts = [plan.entries(step, rank=rank, world_size=world_size) for rank in range(world_size)]
        assert np.array_equal(np.concatenate(parts), whole)
    assert np.array_equal(whole, plan_of(pools, seed=seed).entries(step))


def test_a_batch_holds_one_sample_of_a_group_while_the_round_lasts():
    plan = plan_of({"triple": pool_of([number // 6 for number in range(96)])}, batch_size=8)
    for step in range(12):
        groups = plan.entries(step)[:, 0] // 6
        assert len(set(groups)) == len(groups)


def test_kinds_follow_the_mixture_and_kinds_without_samples_are_left_out():
    pools = {"triple": pool_of(range(20)), "image_text": pool_of(range(20)), "audio_text": pool_of([])}
    plan = plan_of(pools, mixture={"triple": 3, "image_text": 1, "audio_text": 5})
    kinds = [plan.kind(step) for step in range(400)]
    assert kinds.count("triple") == 300
    assert kinds.count("image_text") == 100


def test_a_batch_is_never_larger_than_the_groups_there_are():
    plan = plan_of({"triple": pool_of([0, 0, 1, 1, 2, 2, 3])}, batch_size=256)
    assert plan.size("triple") == 4


def test_too_few_samples_are_an_error_that_counts_them():
    with pytest.raises(RecipeError, match="triple: 1"):
        plan_of({"triple": pool_of([0])})


def test_a_batch_that_the_workers_cannot_share_is_an_error():
    with pytest.raises(RecipeError, match="over 3 workers"):
        plan_of({"triple": pool_of(range(20))}).entries(0, rank=0, world_size=3)
