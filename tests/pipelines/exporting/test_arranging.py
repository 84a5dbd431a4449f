from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.exporting.arranging import SHUFFLED_SHARDS, Arrangement, arrange, num_copies
from pipelines.exporting.surveying import Found
from pipelines.samples import Snapshot
from pipelines.shards.planning import Limits

TARGET = Snapshot(corpus="mine", snapshot="v1")


def found(num_samples: int, *, seed: int = 0, num_sources: int = 5) -> Found:
    """Samples of a few kilobytes with every set of parts."""
    rng = np.random.default_rng(seed)
    return Found(
        source=np.sort(rng.integers(0, num_sources, num_samples)).astype(np.int32),
        row=np.arange(num_samples, dtype=np.int32),
        num_bytes=512 * rng.integers(1, 20, num_samples),
        parts=rng.integers(1, 8, num_samples).astype(np.uint8),
        head=np.arange(num_samples, dtype=np.uint64),
        draw=rng.integers(0, 2**64, num_samples, dtype=np.uint64),
        split=rng.integers(0, 4, num_samples).astype(np.uint8),
        weight=rng.choice([0.5, 1.0, 2.5], num_samples).astype(np.float32),
    )


@given(
    st.integers(1, 60), st.integers(0, 9), st.booleans(), st.booleans(), st.none() | st.integers(0, 2**31),
    st.integers(1, 9), st.integers(512, 20_000),
)  # fmt: skip
def test_every_sample_is_in_one_shard_whatever_is_asked_for(
    num_samples, seed, is_homogeneous, by_split, shuffled, samples_per_shard, target_bytes
):
    limits = Limits(samples_per_shard=samples_per_shard, target_bytes=target_bytes)
    arrangement = Arrangement(limits=limits, is_homogeneous=is_homogeneous, by_split=by_split, seed=shuffled)
    samples = found(num_samples, seed=seed)
    groups = arrange(samples, arrangement, TARGET)
    assert sorted(np.concatenate([group.order for group in groups]).tolist()) == list(range(num_samples))
    assert len({group.snapshot for group in groups}) == len(groups)
    for group in groups:
        assert [start for start, _ in group.bounds] == [0, *(end for _, end in group.bounds[:-1])]
        assert group.bounds[-1][1] == len(group.order)
        for start, end in group.bounds:
            held = samples.num_bytes[group.order[start:end]].sum()
            assert end - start <= samples_per_shard
            assert held <= target_bytes or end - start == 1
        if is_homogeneous:
            assert len(set(samples.parts[group.order].tolist())) == 1
        if by_split:
            assert len(set(samples.split[group.order].tolist())) == 1


@given(st.integers(1, 60), st.integers(0, 9))
def test_a_sample_is_there_as_often_as_its_weight_says(num_samples, seed):
    samples = found(num_samples, seed=seed)
    copies = num_copies(samples.weight, samples.draw)
    assert (np.abs(copies - samples.weight) < 1).all()
    if copies.any():
        groups = arrange(samples, Arrangement(is_weighted=True), TARGET)
        counts = Counter(position for group in groups for position in group.order.tolist())
        assert [counts[position] for position in range(num_samples)] == copies.tolist()
        assert all(len(set(group.order.tolist())) == len(group.order) for group in groups)


def test_weights_hold_on_average():
    draw = np.random.default_rng(0).integers(0, 2**64, 20_000, dtype=np.uint64)
    assert abs(num_copies(np.full(20_000, 2.3, np.float32), draw).mean() - 2.3) < 0.02


def test_a_new_shard_of_a_shuffled_view_reads_from_a_bounded_number_of_tars():
    samples = found(20_000, num_sources=1000)
    (group,) = arrange(samples, Arrangement(seed=7), TARGET)
    sources = [np.unique(samples.source[group.order[start:end]]) for start, end in group.bounds]
    assert max(map(len, sources)) <= 2 * SHUFFLED_SHARDS
    assert min(map(len, sources)) > 100
    assert np.ptp(sources[0]) > 900, "these are tars from everywhere"
