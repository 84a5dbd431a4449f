import pickle
from pathlib import Path

import pytest

from pipelines.errors import SourceError
from pipelines.sources.catalog import Corpus, find_corpus, load_catalog, open_source


def catalog(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "catalog.toml"
    path.write_text(text)
    return path


def test_the_bundled_catalog_knows_both_corpora():
    known = load_catalog()
    assert sorted(known) == ["openmoji", "stamps"]
    assert (known["openmoji"].registered_model, known["stamps"].registered_model) == ("aligner", "aligner-stamps")
    assert known["stamps"].exclude == ("symbols/alphabets",)


def test_a_catalog_of_ones_own_adds_a_corpus_without_python(tmp_path: Path, tiny_corpus: Path):
    path = catalog(tmp_path, f'[mine]\nreader = "folder"\nlocation = "{tiny_corpus}"\nlanguages = ["en", "fr"]\n')
    corpus = find_corpus("mine", catalog=load_catalog(path))
    source = open_source(corpus, cache=tmp_path)
    assert (source.corpus, len(list(source.references()))) == ("mine", 12)


def test_any_folder_is_a_corpus(tiny_corpus: Path, tmp_path: Path):
    corpus = find_corpus(str(tiny_corpus))
    assert (corpus.reader, corpus.name.rsplit("-", 1)[0]) == ("folder", "tiny")
    source = open_source(corpus, cache=tmp_path)
    assert pickle.loads(pickle.dumps(source)) == source  # noqa: S301


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(SourceError, match=r"Did you mean openmoji\? Known are openmoji, stamps"):
        find_corpus("openmoij")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("= 3", "not TOML"),
        ("openmoji = 3", "not a table"),
        ('[a]\nreader = "folder"', "reader or location missing"),
        ('[a]\nreader = "folder"\nlocation = 3', "location"),
        ('[a]\nreader = "folder"\nlocation = "x"\nlanguages = "en"', "languages"),
        ('[a]\nreader = "folder"\nlocation = "x"\ncolour = "red"', "unknown colour"),
        ('[a]\nreader = "ftp"\nlocation = "x"', "expected one of openmoji, stamps, folder"),
        ('["A B"]\nreader = "folder"\nlocation = "x"', "not a name"),
    ],
)
def test_a_wrong_entry_says_what_is_wrong(tmp_path: Path, text: str, said: str):
    with pytest.raises(SourceError, match=said):
        load_catalog(catalog(tmp_path, text))


def test_a_missing_catalog_is_an_error(tmp_path: Path):
    with pytest.raises(SourceError, match="cannot be read"):
        load_catalog(tmp_path / "none.toml")


def test_a_registered_model_is_named_for_its_corpus():
    assert Corpus(name="c", reader="folder", location="x").registered_model == "aligner-c"
