import numpy as np
import pytest

from pipelines.errors import SignalError
from pipelines.signals.measuring import measure, read_signals
from pipelines.signals.summaries import histogram, summarise


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
    assert column.median == pytest.approx(np.median(values))
    assert (column.num_values, column.null_share, summary.num_samples) == (12, 0, 12)
    assert sum(column.counts) == 12
    assert len(column.edges) == len(column.counts) + 1
    assert values[uids.index(column.lowest[0])] == values.min()
    assert values[uids.index(column.highest[0])] == values.max()


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
    counts, edges = histogram(np.full(5, 3.0))
    assert counts.tolist() == [5]
    assert edges.tolist() == [2.5, 3.5]
