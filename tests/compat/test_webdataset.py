"""webdataset 1.0 and 0.2.86 read what we pack, whole and in order."""

import pytest

from tests.compat.environments import OURS, run_reader
from tests.compat.handing import OF_A_VIEW, handing, kept_of


@pytest.mark.parametrize(("environment", "version"), [(OURS, "1.0"), ("webdataset", "0.2.86")])
def test_webdataset_reads_every_sample_of_a_mixed_corpus_in_order(environment, version, mixed, home):
    read = run_reader("webdatasets", *mixed.shards, environment=environment, home=home)
    assert read["version"].startswith(version)
    documents = [sample.pop("json") for sample in read["samples"]]
    assert read["samples"] == list(mixed.samples)
    assert [document["uid"] for document in documents] == [sample["__key__"] for sample in mixed.samples]
    assert [document["caption"] for document in documents] == [sample.get("txt") for sample in mixed.samples]
    assert read["decoded"] == [[48, 48, 3]] * len(mixed.having("jpg"))


@pytest.mark.parametrize("options", OF_A_VIEW)
@pytest.mark.parametrize("environment", [OURS, "webdataset"])
def test_webdataset_reads_what_a_view_keeps_out_of_new_shards(environment, options, mixed, home, tmp_path):
    kept = kept_of(mixed)
    copied = handing(mixed, tmp_path / "out", kept, **options).copied()
    shards = [shard.uri for shard in copied.shards()]
    read = run_reader("webdatasets", *shards, environment=environment, home=home)
    assert all(sample.pop("json")["uid"] == sample["__key__"] for sample in read["samples"])
    expected = [sample for sample in mixed.samples if sample["__key__"] in kept]
    order = str if "seed" in options else None
    assert (sorted(read["samples"], key=order) if order else read["samples"]) == (
        sorted(expected, key=order) if order else expected
    )
