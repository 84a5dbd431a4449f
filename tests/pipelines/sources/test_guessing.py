from pathlib import Path

import pytest

from pipelines.errors import SourceError
from pipelines.samples import Snapshot
from pipelines.sources.guessing import absolute, corpus_name_of, reader_of


@pytest.mark.parametrize(
    ("location", "reader"),
    [
        ("x/00000.tar", "webdataset"),
        ("s3://bucket/{0..9}/*.tar", "webdataset"),
        ("urls.parquet", "table"),
        ("s3://bucket/part-*.CSV", "table"),
        ("clips.jsonl.gz", "table"),
    ],
)
def test_a_suffix_says_which_reader(location: str, reader: str):
    assert reader_of(location) == reader


@pytest.mark.parametrize(
    ("names", "reader"),
    [
        (["00000.tar", "00000.parquet", "00000_stats.json"], "webdataset"),
        (["data/train-00000-of-00001.parquet", "README.md"], "table"),
        (["cat.jpg", "cat.txt", "metadata.csv"], "folder"),
        ([], "folder"),
    ],
)
def test_a_folder_is_looked_into(tmp_path: Path, names: list[str], reader: str):
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert reader_of(str(tmp_path)) == reader


def test_a_pipe_is_no_location():
    with pytest.raises(SourceError, match="neither a path nor a URI"):
        reader_of("pipe:curl https://a.example/x.tar")


def test_local_locations_become_whole_paths(tmp_path: Path):
    assert absolute("a/*.csv", base=tmp_path) == f"{tmp_path}/a/*.csv"
    assert absolute("s3://b/a.csv", base=tmp_path) == "s3://b/a.csv"
    assert absolute("/a/../b.csv") == "/b.csv"


@pytest.mark.parametrize(
    ("location", "slug"),
    [
        ("/data/My Photos", "my-photos"),
        ("/data/birds.parquet", "birds"),
        ("s3://bucket/laion/part-*.parquet", "laion"),
        ("/data/...", "data"),
        ("/", "corpus"),
        ("/data/" + "a" * 200, "a" * 40),
        ("/data/\udcff", "data"),
    ],
)
def test_any_location_has_a_corpus_name(location: str, slug: str):
    name = corpus_name_of(location)
    assert Snapshot(corpus=name, snapshot="s")
    assert name.rpartition("-")[0] == slug
    assert name != corpus_name_of(f"/elsewhere{location}")
