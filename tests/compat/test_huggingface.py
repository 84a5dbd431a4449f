"""Hugging Face `datasets` reads our shards: as they are where samples are alike, and any corpus through our export."""

import pytest

from pipelines.exporting.huggingface import export_huggingface
from tests.compat.corpus import CAPTIONS
from tests.compat.environments import HERE, run, run_reader
from tests.compat.handing import OF_A_VIEW, handing, kept_of


@pytest.mark.parametrize("corpus", ["mixed", "whole"])
def test_datasets_reads_every_sample_of_an_export_streamed_and_built(corpus, home, tmp_path, request):
    packed = request.getfixturevalue(corpus)
    export_huggingface(handing(packed, tmp_path / "out"))
    read = run_reader("huggingface", "folder", tmp_path / "out", home=home)
    assert read["version"] == "5.2.0"
    assert read["features"]["json"] == "Json(decode=True)"
    assert read["sizes"] == [[48, 48]] * len(packed.having("jpg"))
    assert read["streamed"] == read["built"]
    documents = [sample.pop("json") for sample in read["built"]]
    assert read["built"] == list(packed.samples)
    languages = [language for document in documents for language in document["texts"]]
    assert set(languages) == {*CAPTIONS, "eo"}, "no language of a later sample is lost"


@pytest.mark.parametrize("options", [*OF_A_VIEW, {"is_homogeneous": True}])
def test_datasets_reads_what_a_view_keeps_by_its_splits(options, mixed, home, tmp_path):
    train = kept_of(mixed)
    held_out = dict.fromkeys(list(train)[::4], "held_out_voice")
    export_huggingface(handing(mixed, tmp_path / "out", train | held_out, **options))
    for split, keys in (("train", set(train) - set(held_out)), ("held_out_voice", set(held_out))):
        read = run_reader("huggingface", "folder", tmp_path / "out", split, home=home)
        assert read["streamed"] == read["built"]
        found = sorted(({**sample, "json": None} for sample in read["built"]), key=str)
        expected = ({**sample, "json": None} for sample in mixed.samples if sample["__key__"] in keys)
        assert found == sorted(expected, key=str)


def test_datasets_reads_bare_tars_whose_samples_have_the_same_parts(whole, home):
    read = run_reader("huggingface", "tars", *whole.shards, home=home)
    assert read["streamed"] == read["built"]
    assert [{name: sample[name] for name in sample if name != "json"} for sample in read["built"]] == list(
        whole.samples
    )


def test_datasets_refuses_bare_tars_whose_samples_differ_so_that_the_export_is_needed(mixed, home):
    done = run("huggingface", HERE / "readers" / "huggingface.py", "tars", *mixed.shards, home=home)
    assert done.returncode
    assert "don't share the same prefix or the same types" in done.stderr
