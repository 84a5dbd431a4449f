"""wids finds every sample by number through the index that we export."""

from pipelines.exporting.command import select_snapshot
from pipelines.exporting.wids import export_wids
from tests.compat.environments import run_reader


def test_wids_reads_every_sample_of_a_mixed_corpus_by_number(mixed, home, tmp_path):
    export_wids(select_snapshot(mixed.layout), str(tmp_path / "out"))
    read = run_reader("wids", tmp_path / "out" / "index.json", home=home)
    assert (read["version"], read["name"]) == ("0.2.111", "mixed-v1")
    assert read["samples"] == list(mixed.samples)
