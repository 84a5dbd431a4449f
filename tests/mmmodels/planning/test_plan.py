"""The plan: nothing lost, nothing twice, the same for any number of ranks, wherever it was stopped."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmmodels.errors import CheckpointError, RecipeError
from mmmodels.planning import Plan, Pool


def pool_of(groups, *, shard=7, weights=None):
    rows = np.arange(len(groups))
    return Pool(
        entries=np.stack([rows, rows + 1000], axis=1),
        groups=np.array(groups, dtype=np.int64),
        shards=rows // shard,
        weights=np.array(weights, dtype=np.float64) if weights is not None else None,
    )


def plan_of(pools, *, batch_size=8, mixture=None, seed=0, view_digest="d" * 64):
    mixture = mixture or dict.fromkeys(pools, 1)
    return Plan(pools=pools, mixture=mixture, batch_size=batch_size, view_digest=view_digest, seed=seed)


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


@settings(max_examples=60, deadline=None)
@given(
    stops=st.lists(st.tuples(st.integers(1, 9), st.sampled_from([1, 2, 3, 4, 6, 12])), min_size=1, max_size=6),
    num_samples=st.integers(24, 90),
    shard=st.integers(1, 100),
    is_weighted=st.booleans(),
)
def test_runs_of_any_size_stopped_anywhere_read_what_one_run_reads(stops, num_samples, shard, is_weighted):
    """Each part of a run: so many steps on so many ranks, then only the state is left."""
    weights = [(0.3, 1.0, 2.5)[number % 3] for number in range(num_samples)] if is_weighted else None
    pools = {
        "triple": pool_of(range(num_samples), shard=shard, weights=weights),
        "image_text": pool_of([number // 2 for number in range(2 * num_samples)], shard=shard),
    }
    mixture = {"triple": 2, "image_text": 1}
    state, resumed = plan_of(pools, batch_size=24, mixture=mixture).state(0), []
    for num_steps, world_size in stops:
        plan = plan_of(pools, batch_size=24, mixture=mixture)
        first = plan.resume(state)
        for step in range(first, first + num_steps):
            ranks = [plan.entries(step, rank=rank, world_size=world_size) for rank in range(world_size)]
            resumed.append(np.concatenate(ranks).tolist())
        state = plan.state(first + num_steps)
    straight = plan_of(pools, batch_size=24, mixture=mixture)
    assert resumed == [straight.entries(step).tolist() for step in range(len(resumed))]


def test_more_ranks_than_shards_have_each_their_share():
    plan = plan_of({"triple": pool_of(range(64), shard=40)}, batch_size=16)
    rows = [plan.entries(step, rank=rank, world_size=8)[:, 0] for step in range(4) for rank in range(8)]
    assert {len(part) for part in rows} == {2}
    assert sorted(np.concatenate(rows)) == list(range(64))


@pytest.mark.parametrize(
    ("other", "what"), [({"view_digest": "e" * 64}, "view_digest"), ({"seed": 1}, "seed"), ({"batch_size": 6}, "plan")]
)
def test_a_state_of_another_plan_is_an_error_that_says_what_differs(other, what):
    pools = {"triple": pool_of(range(50))}
    state = plan_of(pools).state(17)
    assert plan_of(pools).resume(state) == 17
    with pytest.raises(CheckpointError, match=f"after step 17: its {what} is"):
        plan_of(pools, **other).resume(state)


def test_another_seed_is_another_order():
    pools = {"triple": pool_of(range(50))}
    assert plan_of(pools, seed=0).entries(0).tolist() != plan_of(pools, seed=1).entries(0).tolist()


def test_kinds_follow_the_mixture_and_kinds_without_samples_are_left_out():
    pools = {"triple": pool_of(range(20)), "image_text": pool_of(range(20)), "audio_text": pool_of([])}
    plan = plan_of(pools, mixture={"triple": 3, "image_text": 1, "audio_text": 5})
    kinds = [plan.kind(step) for step in range(400)]
    assert kinds.count("triple") == 300
    assert kinds.count("image_text") == 100


def test_a_kind_of_which_nothing_weighs_anything_is_left_out():
    pools = {"triple": pool_of(range(20)), "image_text": pool_of(range(20), weights=[0.0] * 20)}
    assert set(plan_of(pools).pattern) == {"triple"}


@settings(max_examples=30, deadline=None)
@given(position=st.integers(0, 5000), kind=st.sampled_from(["triple", "image_text"]))
def test_the_step_of_a_position_reads_it(position, kind):
    pools = {"triple": pool_of(range(50)), "image_text": pool_of(range(70))}
    plan = plan_of(pools, mixture={"triple": 3, "image_text": 2})
    step = plan.step_of(kind, position)
    assert plan.kind(step) == kind
    assert position in plan.positions(step)


def test_a_substitute_hangs_on_the_position_and_the_attempt_alone():
    pools = {"triple": pool_of(range(50))}
    found = [plan_of(pools).substitute("triple", 33, attempt).tolist() for attempt in range(20)]
    assert found == [plan_of(pools).substitute("triple", 33, attempt).tolist() for attempt in range(20)]
    assert len({row for row, _ in found}) > 10


def test_a_batch_is_never_larger_than_the_groups_there_are():
    plan = plan_of({"triple": pool_of([0, 0, 1, 1, 2, 2, 3])}, batch_size=256)
    assert plan.size("triple") == 4


def test_too_few_samples_are_an_error_that_counts_them():
    with pytest.raises(RecipeError, match="triple: 1"):
        plan_of({"triple": pool_of([0])})


def test_a_batch_that_the_workers_cannot_share_is_an_error():
    with pytest.raises(RecipeError, match="over 3 workers"):
        plan_of({"triple": pool_of(range(20))}).entries(0, rank=0, world_size=3)
