import argparse
from pathlib import Path

import pytest

from pipelines.errors import SourceError
from pipelines.shards.source_arguments import add_source_arguments, corpus_from
from pipelines.sources.catalog import Corpus


def parsed(*arguments: str) -> Corpus:
    parser = argparse.ArgumentParser()
    add_source_arguments(parser)
    return corpus_from(parser.parse_args(arguments))


def test_a_source_needs_nothing_but_its_location(tmp_path: Path):
    corpus = parsed("--source", str(tmp_path / "birds.parquet"))
    assert (corpus.reader, corpus.name.rpartition("-")[0], corpus.license) == ("table", "birds", "unknown")
    assert corpus.location == str(tmp_path / "birds.parquet")


def test_everything_that_a_catalog_says_can_be_said_on_the_command_line(tmp_path: Path):
    corpus = parsed(
        "--source", f"{tmp_path}/1.csv", "--source", f"{tmp_path}/2.csv", "--corpus", "birds", "--reader", "table",
        "--column", "image=bild", "--column", "text=titel", "--column", "text=alt", "--column", "text.fr=legende",
        "--table-option", "delimiter=\\t", "--table-option", "quotes=false", "--table-option", "header=bild,titel",
        "--download-option", "per_host=2", "--download-option", "allow_private=true",
        "--media-folder", str(tmp_path), "--license", "CC0", "--language", "de",
    )  # fmt: skip
    assert (corpus.name, corpus.locations) == ("birds", (f"{tmp_path}/1.csv", f"{tmp_path}/2.csv"))
    columns = corpus.table_columns
    assert (columns.image, columns.text, dict(columns.texts)) == ("bild", ("titel", "alt"), {"fr": "legende"})
    assert corpus.table == {"delimiter": "\t", "quotes": False, "header": ["bild", "titel"]}
    assert corpus.download == {"per_host": 2, "allow_private": True}
    assert (corpus.license, corpus.languages, corpus.media_folders) == ("CC0", ("de",), (str(tmp_path),))


def test_the_embedded_corpus_needs_no_location():
    assert parsed("--reader", "embedded") == parsed("--corpus", "openmoji")
    mine = parsed("--reader", "embedded", "--corpus", "mine")
    assert (mine.name, mine.reader, mine.registered_model) == ("mine", "openmoji", "aligner-mine")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "neither --corpus nor --source"),
        (("--corpus", "openmoji", "--column", "image=x"), "--column: goes with --source"),
        (("--source", "x.csv", "--column", "image"), "--column 'image': expected NAME=VALUE"),
        (("--source", "x.csv", "--column", "imag=x"), r"unknown 'imag'\. Did you mean image"),
        (("--source", "x.csv", "--download-option", "per_hosts=1"), "Did you mean per_host"),
        (("--source", "x.csv", "--table-option", "quotes=maybe"), "quotes = 'maybe'"),
    ],
)
def test_a_mistake_says_what_to_write(arguments: tuple[str, ...], said: str):
    with pytest.raises(SourceError, match=said):
        parsed(*arguments)
