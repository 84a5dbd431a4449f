"""The order of a pool: a shuffle over all of it, out of few shards at a time, groups apart, weights kept."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmmodels.planning.pools import Pool
from mmmodels.planning.stream import Stream
from mmmodels.planning.windows import MIN_WINDOW_BLOCKS


def stream_of(size, *, groups=None, per_shard=1000, weights=None, batch_size=64, key=1):
    rows = np.arange(size)
    pool = Pool(
        entries=np.stack([rows, rows], axis=1),
        groups=rows if groups is None else np.asarray(groups),
        shards=rows // per_shard,
        weights=weights,
    )
    return Stream(pool, key, batch_size=batch_size)


@pytest.mark.parametrize("key", [1, 2, 3])
def test_position_in_the_order_says_nothing_about_position_in_the_store(key):
    size = 1_000_000
    rows = stream_of(size, key=key).rows(np.arange(size))
    assert np.array_equal(np.sort(rows), np.arange(size))
    assert abs(np.corrcoef(rows, np.arange(size))[0, 1]) < 0.01
    neighbours = np.corrcoef(rows[:-1], rows[1:])[0, 1]
    assert abs(neighbours) < 0.01


def test_reads_stay_within_few_shards_for_a_long_time():
    rows = stream_of(1_000_000).rows(np.arange(1_000_000))
    windows = rows[: 15 * 65_000].reshape(15, -1) // 1000
    assert max(len(np.unique(window)) for window in windows) <= 2 * (MIN_WINDOW_BLOCKS + 3)
    low, high = stream_of(1_000_000).epoch(0).bounds_of_window(0)
    assert high - low > 60_000
    assert len(np.unique(rows[low:high] // 1000)) <= stream_of(1_000_000).blocks.per_window < 70


def test_every_batch_is_of_the_whole_store():
    """The mean place of a batch of 4096 is that of the store: a shard order alone would leave it far off."""
    rows = stream_of(1_000_000, batch_size=4096).rows(np.arange(4096 * 200))
    means = rows.reshape(200, 4096).mean(axis=1) / 1_000_000
    assert abs(means - 0.5).max() < 5 * np.sqrt(1 / 12 / 4096)


def test_large_shards_are_cut():
    stream = stream_of(100_000, per_shard=100_000)
    assert len(stream.blocks.starts) - 1 == 7
    assert np.array_equal(np.sort(stream.rows(np.arange(100_000))), np.arange(100_000))


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=3, max_size=60),
    batch_size=st.sampled_from([2, 4, 8, 16]),
    epoch=st.integers(0, 3),
)
def test_a_batch_within_an_epoch_holds_one_sample_of_a_group_where_there_are_batches_enough(sizes, batch_size, epoch):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    stream = stream_of(len(groups), groups=groups, batch_size=batch_size)
    start, end = stream.epoch(epoch).start, stream.epoch(epoch).end
    first = -(-start // batch_size) * batch_size
    counts = Counter(groups.tolist())
    for batch in range(first, end - batch_size + 1, batch_size):
        found = Counter(groups[stream.rows(np.arange(batch, batch + batch_size))].tolist())
        num_batches = len(groups) // batch_size - 1
        crowded = [group for group, count in found.items() if count > 1 and counts[group] <= num_batches // 4]
        assert not crowded


def test_equal_groups_never_meet():
    groups = np.arange(96) // 6
    stream = stream_of(96, groups=groups, batch_size=8)
    for epoch in range(20):
        for batch in range(12):
            found = groups[stream.rows(np.arange(8) + 96 * epoch + 8 * batch)]
            assert len(set(found)) == 8


def test_a_group_larger_than_the_number_of_batches_is_spread_and_nothing_is_lost():
    groups = np.array([0] * 60 + list(range(1, 41)))
    stream = stream_of(100, groups=groups, batch_size=10)
    rows = stream.rows(np.arange(100))
    assert sorted(rows) == list(range(100))
    of_the_large = (groups[rows] == 0).reshape(10, 10).sum(axis=1)
    assert of_the_large.min() >= 5
    assert of_the_large.max() <= 7


@settings(max_examples=40, deadline=None)
@given(weights=st.lists(st.sampled_from([0.0, 0.3, 1.0, 2.5]), min_size=1, max_size=60), epochs=st.integers(1, 12))
def test_an_entry_is_read_as_often_as_its_weight_says(weights, epochs):
    weights = np.array([*weights, 1.0])
    stream = stream_of(len(weights), weights=weights, batch_size=4)
    end = stream.epoch(epochs - 1).end
    counts = np.bincount(stream.rows(np.arange(end)), minlength=len(weights))
    assert np.all(np.abs(counts - weights * epochs) < 1)
    for epoch in range(epochs):
        one = stream.epoch(epoch)
        in_epoch = np.bincount(stream.rows(np.arange(one.start, one.end)), minlength=len(weights))
        assert np.all(in_epoch[weights == 1] == 1)
        assert np.all(np.isin(in_epoch[weights == 2.5], [2, 3]))


def test_weight_one_is_the_order_of_no_weight_but_for_chance():
    stream = stream_of(500, weights=np.ones(500))
    assert stream.epoch(3).start == 1500
    assert sorted(stream.rows(np.arange(1500, 2000))) == list(range(500))


@settings(max_examples=40, deadline=None)
@given(row=st.integers(0, 299), is_weighted=st.booleans(), first=st.integers(0, 900))
def test_the_positions_of_an_entry_are_where_it_is_read(row, is_weighted, first):
    weights = np.array([(0.3, 1.0, 2.5)[number % 3] for number in range(300)]) if is_weighted else None
    stream = stream_of(300, weights=weights, per_shard=20)
    found = stream.positions_of(row, first=first, end=2000)
    assert found == (np.flatnonzero(stream.rows(np.arange(first, 2000)) == row) + first).tolist()


def test_positions_may_be_asked_for_in_any_order():
    stream = stream_of(300, per_shard=20)
    straight = stream.rows(np.arange(1000))
    order = np.random.default_rng(0).permutation(1000)
    assert np.array_equal(stream_of(300, per_shard=20).rows(order), straight[order])
