import numpy as np
import pyarrow as pa
import pytest

from mmmodels.errors import GateError
from mmmodels.registry.bootstrap import Resampling, paired_difference


def queries(hits: list[float], *, metric: str = "m", groups: list[str] | None = None) -> pa.Table:
    columns = {
        "metric": [metric] * len(hits),
        "uid": [f"u{i}" for i in range(len(hits))],
        "hit": [float(hit) for hit in hits],
    }
    return pa.table(columns | ({"group": groups} if groups else {}))


def test_the_difference_is_the_mean_over_metrics_of_the_mean_over_queries():
    ours = pa.concat_tables([queries([1, 1, 0, 0]), queries([1.0], metric="other")])
    theirs = pa.concat_tables([queries([1, 0, 0, 0]), queries([0.0], metric="other")])
    assert paired_difference(ours, theirs, ["m", "other"], Resampling()).value == pytest.approx((0.25 + 1) / 2)


def test_pairing_cancels_what_varies_between_queries():
    rng = np.random.default_rng(0)
    theirs = rng.random(300).tolist()
    difference = paired_difference(queries([hit + 0.01 for hit in theirs]), queries(theirs), ["m"], Resampling())
    assert difference.low == pytest.approx(0.01, abs=1e-9)


def test_the_bound_agrees_with_the_normal_one_on_many_queries():
    rng = np.random.default_rng(1)
    ours, theirs = rng.random((2, 2000))
    difference = paired_difference(queries(ours.tolist()), queries(theirs.tolist()), ["m"], Resampling())
    error = (ours - theirs).std() / np.sqrt(2000)
    assert difference.low == pytest.approx(difference.value - 1.645 * error, abs=0.15 * error)


def test_the_order_of_the_rows_does_not_matter():
    rng = np.random.default_rng(2)
    ours, theirs = queries(rng.random(50).tolist()), queries(rng.random(50).tolist())
    mixed = theirs.take(pa.array(rng.permutation(50)))
    assert paired_difference(ours, theirs, ["m"], Resampling()) == paired_difference(ours, mixed, ["m"], Resampling())


def test_clips_of_one_group_are_resampled_together():
    rng = np.random.default_rng(3)
    each = rng.random(40) - 0.5
    ours, groups = np.repeat(each, 10).tolist(), [f"g{i // 10}" for i in range(400)]
    alone = paired_difference(queries(ours), queries([0.0] * 400), ["m"], Resampling())
    together = paired_difference(queries(ours, groups=groups), queries([0.0] * 400), ["m"], Resampling())
    assert (together.value - together.low) > 2 * (alone.value - alone.low)


@pytest.mark.parametrize(
    ("ours", "theirs", "reason"),
    [
        (queries([1, 0]), queries([1, 0, 1]), "queries of the two models differ"),
        (queries([1, float("nan")]), queries([1, 0]), "1 without a finite hit"),
        (pa.concat_tables([queries([1, 0]), queries([1, 0])]), queries([1, 0]), "2 listed twice"),
        (queries([1, 0], metric="other"), queries([1, 0]), "none at all for"),
        (queries([1, 0]).drop_columns(["hit"]), queries([1, 0]), "no column hit"),
    ],
)
def test_queries_that_a_mean_would_hide_are_refused(ours: pa.Table, theirs: pa.Table, reason: str):
    with pytest.raises(GateError, match=reason):
        paired_difference(ours, theirs, ["m"], Resampling())


def test_a_model_worse_by_the_margin_passes_no_more_often_than_stated():
    rng, margin, passed = np.random.default_rng(4), 0.1, 0
    resampling = Resampling(num_resamples=300)
    for _ in range(200):
        ours, theirs = queries(list(rng.random(200) < 0.5 - margin)), queries(list(rng.random(200) < 0.5))
        passed += paired_difference(ours, theirs, ["m"], resampling).low >= -margin
    assert passed <= 18  # 5 % of 200, and three standard errors
