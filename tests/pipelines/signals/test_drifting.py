import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.packing import PackingConfig, pack
from pipelines.signals.drifting import THRESHOLD, bin_edges, compare, find_drift, snapshot_before, stability_index
from pipelines.signals.measuring import measure
from pipelines.signals.sketches import Sketch, cut
from pipelines.signals.summaries import Summary, summarise
from tests.pipelines.shards.listed import Listed

RNG = np.random.default_rng(0)


def sketch_of(values: np.ndarray) -> Sketch:
    sketch = Sketch()
    sketch.add(values)
    return sketch


def reference(before: np.ndarray, after: np.ndarray) -> float:
    """Population stability index over the deciles of the older values."""
    edges = np.unique(np.quantile(before, np.arange(1, 10) / 10, method="inverted_cdf"))
    counts = [np.bincount(np.searchsorted(edges, x), minlength=len(edges) + 1) + 0.5 for x in (before, after)]
    was, now = (count / count.sum() for count in counts)
    return float(np.sum((now - was) * np.log(now / was)))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (RNG.standard_normal(3000), RNG.standard_normal(2000)),
        (RNG.standard_normal(3000), RNG.standard_normal(2000) + 0.5),
        (RNG.poisson(2, 3000), RNG.poisson(3, 3000)),
        ((RNG.random(3000) < 0.02), (RNG.random(3000) < 0.2)),
        (np.zeros(1000), np.arange(1000) % 2),
        (np.full(1000, 7.0), np.full(1000, 7.0)),
    ],
)
def test_the_index_is_that_of_the_formula(before: np.ndarray, after: np.ndarray):
    before, after = before.astype(float), after.astype(float)
    index, _ = compare(sketch_of(before), sketch_of(after))
    assert index == pytest.approx(reference(cut(before), cut(after)), abs=1e-12)
    assert index == pytest.approx(reference(before, after), abs=0.01)


def test_a_bin_that_was_empty_does_not_make_it_infinite():
    assert stability_index([10, 0], [0, 10]) == pytest.approx(2 * (10 / 11) * np.log(21))
    assert stability_index([5, 5], [50, 50]) == 0


def test_equal_values_share_a_bin():
    assert bin_edges(sketch_of(np.array([0.0] * 95 + [1.0] * 5))) == [0.0]
    assert len(bin_edges(sketch_of(RNG.standard_normal(1000)))) == 9


def test_two_draws_of_one_population_stay_under_what_chance_explains():
    rng, over = np.random.default_rng(3), 0
    for size in (20, 100, 1000):
        for _ in range(200):
            index, by_chance = compare(sketch_of(rng.standard_normal(size)), sketch_of(rng.standard_normal(size)))
            over += index > max(THRESHOLD, by_chance)
    assert over <= 6  # of 600


CONFIG = PackingConfig(samples_per_shard=100, num_workers=1)


def summarised(layout: Layout, names: list[str], snapshot: str, config: PackingConfig = CONFIG) -> Summary:
    report = pack(Listed(names=tuple(names), snapshot=snapshot), layout=layout, config=config)
    measure(layout, report.snapshot, families=["text"], num_workers=1)
    return summarise(layout, report.snapshot, "text")


def test_captions_that_became_longer_are_the_column_that_drifted(tmp_path: Path):
    layout = Layout(str(tmp_path))
    short = summarised(layout, [f"thing {number:03d}" for number in range(300)], "one")
    like = summarised(layout, [f"thing {number:03d}" for number in range(300, 600)], "two")
    long = summarised(layout, [f"thing {'very ' * 5}{number:03d}" for number in range(300)], "three")
    assert not [drift.name for drift in find_drift(short, like) if drift.is_over(THRESHOLD)]
    drifted = [drift for drift in find_drift(short, long) if drift.is_over(THRESHOLD)]
    assert {"characters", "words"} <= {drift.name for drift in drifted}
    worst = {drift.name: drift for drift in drifted}["words"]
    assert (worst.median_before, worst.median) == (4, 9)
    assert [drift.stability_index for drift in drifted] == sorted((d.stability_index for d in drifted), reverse=True)


def test_a_column_that_lost_all_its_values_drifted_as_far_as_can_be(tmp_path: Path):
    before = summarised(Layout(str(tmp_path)), [f"thing {number:03d}" for number in range(20)], "one")
    after = replace(before, columns=(), null_columns=("words",))
    (drift,) = find_drift(before, after)
    assert (drift.name, drift.median) == ("words", None)
    assert drift.is_over(5.0)


def test_the_snapshot_to_compare_with_is_the_last_one_packed_before(tmp_path: Path):
    layout = Layout(str(tmp_path))
    one, two, three = (Snapshot(corpus="listed", snapshot=name) for name in ("one", "two", "three"))
    for age, snapshot in ((300, one), (200, two), (100, three)):
        summarised(layout, ["a", "b"], snapshot.snapshot)
        moment = 1_700_000_000 - age
        os.utime(layout.plan(snapshot), (moment, moment))
    assert snapshot_before(layout, three, "text@2") == two
    assert snapshot_before(layout, two, "text@2") == one
    assert snapshot_before(layout, one, "text@2") == three  # nothing is older
    assert snapshot_before(layout, three, "image@2") is None
