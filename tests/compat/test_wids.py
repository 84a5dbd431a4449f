"""wids finds every sample by number through the index that we export."""

import pytest

from pipelines.exporting.wids import export_wids
from tests.compat.environments import run_reader
from tests.compat.handing import OF_A_VIEW, handing, kept_of


def test_wids_reads_every_sample_of_a_mixed_corpus_by_number(mixed, home, tmp_path):
    export_wids(handing(mixed, tmp_path / "out"))
    read = run_reader("wids", tmp_path / "out" / "index.json", home=home)
    assert (read["version"], read["name"]) == ("0.2.111", "mixed-v1")
    assert read["samples"] == list(mixed.samples)


@pytest.mark.parametrize("options", OF_A_VIEW)
def test_wids_finds_what_a_view_keeps_and_nothing_else(options, mixed, home, tmp_path):
    kept = kept_of(mixed)
    export_wids(handing(mixed, tmp_path / "out", kept, **options))
    read = run_reader("wids", tmp_path / "out" / "index.json", home=home)
    expected = [sample for sample in mixed.samples if sample["__key__"] in kept]
    if "seed" in options:
        read["samples"].sort(key=str), expected.sort(key=str)
    assert read["samples"] == expected
