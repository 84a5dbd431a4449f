"""Columns of a view, read a shard at a time."""

import random

import numpy as np
import pyarrow as pa
import pytest

from pipelines import storage
from pipelines.curation.views import View
from pipelines.reporting.choosing import by_uid, of_each_fate
from pipelines.reporting.measured import Measured, shard_verdicts
from pipelines.samples import Snapshot

NOBODY = pa.table({"uid": pa.array([], pa.string())})


def test_distributions_are_of_every_sample_by_its_fate(nasty_view: View) -> None:
    measured = Measured(view=nasty_view, names=frozenset({"characters", "width"}))
    found = {one.name: one for one in measured.distributions()}
    verdicts = nasty_view.verdicts(["uid", "kept"]).to_pylist()
    kept = {row["uid"] for row in verdicts if row["kept"]}
    snapshot = nasty_view.snapshots[0]
    tables = [storage.read_table(nasty_view.layout.signal("text@2", snapshot, shard)) for shard in range(3)]
    rows = pa.concat_tables(tables).select(["uid", "characters"]).to_pylist()
    longest = max(row["characters"] for row in rows if row["uid"] in kept)
    assert found["characters"].kept.num_values == 9
    assert found["characters"].kept.quantiles([1.0]) == [pytest.approx(longest, rel=1e-3)]
    assert found["characters"].dropped.quantiles([0.0, 1.0]) == [3.0, 3.0]
    assert found["width"].kept.quantiles([0.5]) == [48.0]
    assert (found["characters"].is_whole, found["width"].is_whole) == (True, True)


def test_a_column_that_nobody_has_measured_is_left_out(nasty_view: View) -> None:
    assert Measured(view=nasty_view, names=frozenset({"image_text_score", "caption"})).distributions() == []


def test_signals_in_another_order_meet_their_samples(nasty_view: View) -> None:
    measured = Measured(view=nasty_view, names=frozenset({"characters"}))
    before = [one.kept.quantiles([0.1, 0.5, 0.9]) for one in measured.distributions()]
    snapshot = nasty_view.snapshots[0]
    for shard in range(3):
        uri = nasty_view.layout.signal("text@2", snapshot, shard)
        table = storage.read_table(uri)
        order = list(range(len(table)))
        random.Random(1).shuffle(order)
        storage.write_table(uri, table.take(order))
    assert [one.kept.quantiles([0.1, 0.5, 0.9]) for one in measured.distributions()] == before


@pytest.mark.parametrize("rows_per_file", [1, 2, 5, 7, 12])
def test_verdicts_come_by_shard_however_their_files_are_cut(nasty_view: View, rows_per_file: int) -> None:
    whole = nasty_view.verdicts()
    for name in storage.names(f"{nasty_view.uri}/verdicts"):
        storage.remove(f"{nasty_view.uri}/verdicts/{name}")
    for number, start in enumerate(range(0, len(whole), rows_per_file)):
        storage.write_table(f"{nasty_view.uri}/verdicts/{number:08d}.parquet", whole.slice(start, rows_per_file))
    found = list(shard_verdicts(nasty_view, ["uid"]))
    assert [(snapshot, shard, len(table)) for snapshot, shard, table in found] == [
        (nasty_view.snapshots[0], 0, 5), (nasty_view.snapshots[0], 1, 5), (nasty_view.snapshots[0], 2, 2)
    ]  # fmt: skip
    assert pa.concat_tables([table for _, _, table in found])["uid"].to_pylist() == whole["uid"].to_pylist()
    assert len(of_each_fate(nasty_view, num_each=100, hidden=NOBODY)) == 12


def test_the_samples_with_the_smallest_uids_of_each_fate_are_chosen(nasty_view: View) -> None:
    rows = of_each_fate(nasty_view, num_each=2, hidden=NOBODY)
    verdicts = nasty_view.verdicts(["uid", "first_fault"]).to_pylist()
    for fate in (None, "cats"):
        uids = sorted(row["uid"] for row in verdicts if row["first_fault"] == fate)
        assert [row["uid"] for row in rows if row["fate"] == fate] == uids[:2]
    assert all(isinstance(row["caption"], str) and row["image_size"] for row in rows)


def test_what_is_hidden_is_never_chosen(nasty_view: View) -> None:
    every = [row["uid"] for row in of_each_fate(nasty_view, num_each=100, hidden=NOBODY)]
    hidden = pa.table({"uid": every[:5]})
    assert [row["uid"] for row in of_each_fate(nasty_view, num_each=100, hidden=hidden)] == every[5:]


def test_samples_are_found_by_uid(nasty_view: View) -> None:
    uids = nasty_view.verdicts(["uid"])["uid"].to_pylist()
    found = by_uid(nasty_view, [uids[0], uids[11], "0" * 32])
    assert set(found) == {uids[0], uids[11]}
    assert (found[uids[0]]["shard"], found[uids[11]]["shard"]) == (0, 2)
    place = Snapshot(corpus=found[uids[0]]["corpus"], snapshot=found[uids[0]]["snapshot"])
    assert place == nasty_view.snapshots[0]
    assert np.all([row["uid"] == uid for uid, row in found.items()])
