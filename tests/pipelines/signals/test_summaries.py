from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipelines import storage
from pipelines.errors import SignalError
from pipelines.signals.measuring import measure, read_signals
from pipelines.signals.sketches import Sketch, cut
from pipelines.signals.summaries import summarise


@pytest.fixture
def measured(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    measure(layout, snapshot, families=["image", "text", "audio"], num_workers=1)
    return layout, snapshot


def test_a_summary_tells_range_distribution_and_extremes(measured):
    summary = summarise(*measured, "image")
    table = read_signals(*measured, ["image"])
    column = {column.name: column for column in summary.columns}["sharpness"]
    values, uids = table["sharpness"].to_numpy(), table["uid"].to_pylist()
    assert (column.minimum, column.maximum) == (values.min(), values.max())
    assert column.median == np.quantile(cut(values), 0.5, method="inverted_cdf")
    assert (column.num_values, column.null_share, summary.num_samples) == (12, 0, 12)
    assert sum(column.counts) == 12
    assert len(column.edges) == len(column.counts) + 1
    order = np.argsort(values, kind="stable")
    assert [one.uid for one in column.lowest] == [uids[place] for place in order[:8]]
    assert [one.value for one in column.highest] == sorted(values.tolist(), reverse=True)[:8]
    assert values[uids.index(column.highest[0].uid)] == values.max()
    assert column.highest[0].shard == uids.index(column.highest[0].uid) // 5


def test_booleans_count_as_zero_and_one_and_words_by_frequency(measured):
    summary = summarise(*measured, "text")
    columns = {column.name: column for column in summary.columns}
    assert columns["has_url"].maximum == 0
    found = summary.most_common["detected_language"]
    assert sum(count for _, count in found) <= 12
    assert found == tuple(sorted(found, key=lambda pair: (-pair[1], pair[0])))


def test_columns_without_any_value_are_named_apart(tmp_path, tiny_corpus):
    from pipelines.layout import Layout
    from pipelines.shards.packing import PackingConfig, pack
    from pipelines.sources.folder import open_folder

    for clip in tiny_corpus.rglob("*.flac"):
        clip.unlink()
    layout = Layout(str(tmp_path / "root"))
    source = open_folder(tiny_corpus, corpus="tiny", languages=("en", "fr"))
    snapshot = pack(source, layout=layout, config=PackingConfig(num_workers=1)).snapshot
    measure(layout, snapshot, num_workers=1)
    summary = summarise(layout, snapshot, "audio@1")
    assert summary.columns == ()
    assert "loudness_lufs" in summary.null_columns
    assert summarise(layout, snapshot, "fingerprints").columns == ()


def test_a_family_that_was_not_measured_is_refused(measured):
    with pytest.raises(SignalError, match="not measured"):
        summarise(*measured, "fingerprints")


def test_equal_values_make_one_bin():
    sketch = Sketch()
    sketch.add(np.full(5, 3.0))
    counts, edges = sketch.histogram(num_bins=20)
    assert counts.tolist() == [5]
    assert edges.tolist() == [2.5, 3.5]


def changed(layout, snapshot, key: str, shard: int, **columns) -> None:
    """Write other values into a signal file."""
    uri = layout.signal(key, snapshot, shard)
    table = storage.read_table(uri)
    for name, values in columns.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, table.schema.field(name), pa.array(values, table.schema.field(name).type))
    storage.write_table(uri, table)


def test_a_null_is_expected_where_the_part_is_absent_or_the_column_says_when(measured):
    layout, snapshot = measured
    nulls = summarise(*measured, "image").nulls
    assert (nulls["jpeg_quality"].num_nulls, nulls["jpeg_quality"].num_unexpected) == (12, 0)
    assert {name for name, one in nulls.items() if one.num_nulls} == {"jpeg_quality"}
    changed(layout, snapshot, "image@2", 1, sharpness=[1.0, None, 2.0, None, 3.0])
    nulls = summarise(*measured, "image").nulls
    uids = read_signals(*measured, ["image"])["uid"].to_pylist()
    assert (nulls["sharpness"].num_nulls, nulls["sharpness"].num_unexpected) == (2, 2)
    assert nulls["sharpness"].example == uids[6]


def test_values_that_the_schema_rules_out_are_named(measured):
    layout, snapshot = measured
    found = {column.name: column for column in summarise(*measured, "image").columns}
    assert not any(column.num_out_of_range for column in found.values())
    changed(layout, snapshot, "image@2", 2, entropy=[9.0, float("nan")], luminance_mean=[1.0, 1.0000001])
    found = {column.name: column for column in summarise(*measured, "image").columns}
    assert {name for name, column in found.items() if column.num_out_of_range} == {"entropy"}
    assert found["entropy"].num_out_of_range == 2
    assert found["entropy"].out_of_range[0].value == 9
    assert (found["entropy"].num_values, found["entropy"].maximum) == (11, 9)


def test_samples_without_a_row_are_counted_and_nothing_else_of_them(measured):
    layout, snapshot = measured
    Path(layout.signal("text@2", snapshot, 0)).unlink()
    summary = summarise(*measured, "text")
    assert (summary.num_samples, summary.num_unmeasured) == (12, 5)
    assert {column.num_values for column in summary.columns} == {7}


def test_fingerprints_know_which_part_each_column_is_of(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    measure(layout, snapshot, families=["fingerprints"], num_workers=1)
    changed(layout, snapshot, "fingerprints@2", 0, image_phash=[None] * 5)
    nulls = summarise(layout, snapshot, "fingerprints").nulls
    assert {name: one.num_unexpected for name, one in nulls.items() if one.num_unexpected} == {"image_phash": 5}
