from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.curation import counting
from pipelines.curation.counting import OTHER, count_funnel, counts_of
from pipelines.curation.verdicts import Faults
from pipelines.curation.views import FACETS
from pipelines.layout import Layout

FAULTS = Faults(names=("first", "second", "third"))


def funnel(folder: Path, bits: list[int], languages: list[str], failures: dict[str, int] | None = None) -> pa.Table:
    distinct = sorted(set(languages))
    facet = pa.array([distinct.index(one) for one in languages], pa.uint64())
    pq.write_table(pa.table({"facet": facet, "faults": pa.array(bits, pa.uint64())}), folder / "verdicts.parquet")
    columns: dict[str, Any] = {name: ["x"] * len(distinct) for name in FACETS} | {"language": distinct}
    columns["split"] = ["train"] * len(distinct)
    facets = pa.table({"facet": pa.array(range(len(distinct)), pa.uint64()), **columns})
    pq.write_table(facets, folder / "facets.parquet")
    layout = Layout(str(folder))
    files = [str(folder / "verdicts.parquet")]
    return count_funnel(layout, files, str(folder / "facets.parquet"), FAULTS, failures or {})


def test_each_fault_is_counted_alone_in_order_and_as_the_only_one(tmp_path: Path) -> None:
    table = funnel(tmp_path, [0, 1, 3, 2, 6, 4], ["en"] * 6)
    rows = [row for row in table.to_pylist() if row["section"] == "all"]
    counts = [tuple(row[f"num_{what}"] for what in ("before", "marginal", "first", "only")) for row in rows]
    assert [row["fault"] for row in rows] == ["first", "second", "third"]
    assert counts == [(6, 2, 2, 1), (4, 3, 2, 1), (2, 2, 1, 1)]
    assert counts_of(table) == {
        "num_samples": 6, "num_kept": 1, "dropped_by_fault": {"first": 2, "second": 2, "third": 1},
        "num_kept_by_split": {"train": 1, "held_out_concept": 0, "held_out_language": 0, "held_out_voice": 0},
    }  # fmt: skip


def test_records_that_were_never_samples_come_first(tmp_path: Path) -> None:
    table = funnel(tmp_path, [0, 1], ["en"] * 2, {"refused": 3, "failed_to_decode": 5})
    rows = [row for row in table.to_pylist() if row["section"] == "all"]
    assert [(row["position"], row["fault"], row["num_before"], row["num_first"]) for row in rows[:3]] == [
        (-2, "failed_to_decode", 10, 5),
        (-1, "refused", 5, 3),
        (0, "first", 2, 1),
    ]


@pytest.mark.parametrize("max_values", [1000, 2, 1])
def test_parts_add_up_to_the_whole_also_where_the_rare_are_counted_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, max_values: int
) -> None:
    monkeypatch.setattr(counting, "MAX_VALUES", max_values)
    rows = funnel(tmp_path, [0, 1, 3, 2, 6, 4], ["en", "en", "fr", "fr", "", "en"]).to_pylist()
    for column in ("num_before", "num_marginal", "num_first", "num_only"):
        for section in ("corpus", "language", "source", "license", "modalities", "split"):
            for fault in FAULTS.names:
                parts = sum(row[column] for row in rows if (row["section"], row["fault"]) == (section, fault))
                whole = sum(row[column] for row in rows if (row["section"], row["fault"]) == ("all", fault))
                assert parts == whole
    expected = {1000: {"", "en", "fr"}, 2: {"en", "fr", OTHER}, 1: {"en", OTHER}}
    assert {row["value"] for row in rows if row["section"] == "language"} == expected[max_values]


def test_a_view_of_nothing_has_a_funnel_of_nothing(tmp_path: Path) -> None:
    table = funnel(tmp_path, [], [], {"refused": 3})
    assert [(row["fault"], row["num_first"]) for row in table.to_pylist()] == [("refused", 3)]
    assert counts_of(table)["num_samples"] == 0
