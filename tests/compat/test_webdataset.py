"""webdataset 1.0 and 0.2.86 read what we pack, whole and in order."""

import pytest

from tests.compat.environments import OURS, run_reader


@pytest.mark.parametrize(("environment", "version"), [(OURS, "1.0"), ("webdataset", "0.2.86")])
def test_webdataset_reads_every_sample_of_a_mixed_corpus_in_order(environment, version, mixed, home):
    read = run_reader("webdatasets", *mixed.shards, environment=environment, home=home)
    assert read["version"].startswith(version)
    documents = [sample.pop("json") for sample in read["samples"]]
    assert read["samples"] == list(mixed.samples)
    assert [document["uid"] for document in documents] == [sample["__key__"] for sample in mixed.samples]
    assert [document["caption"] for document in documents] == [sample.get("txt") for sample in mixed.samples]
    assert read["decoded"] == [[48, 48, 3]] * len(mixed.having("jpg"))
