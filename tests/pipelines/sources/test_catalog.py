import pickle
from pathlib import Path

import pytest

from pipelines.errors import SourceError
from pipelines.sources import catalog as catalog_module
from pipelines.sources.catalog import Corpus, corpus_at, find_corpus, load_catalog, open_source
from tests.pipelines.sources.tables.conftest import write_table


def catalog(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "catalog.toml"
    path.write_text(text)
    return path


def test_the_bundled_catalog_knows_its_corpora():
    known = load_catalog()
    assert sorted(known) == ["openmoji", "openmoji-scenes", "stamps"]
    assert (known["openmoji"].registered_model, known["stamps"].registered_model) == ("aligner", "aligner-stamps")
    assert known["stamps"].exclude == ("symbols/alphabets",)


def test_the_example_in_the_bundled_catalog_is_one(tmp_path: Path):
    bundled = Path(catalog_module.__file__).with_name("catalog.toml").read_text()
    lines = bundled.partition("\n[openmoji]")[0].splitlines()[2:]
    (tmp_path / "tars").mkdir()
    known = load_catalog(catalog(tmp_path, "\n".join(line[2:] for line in lines).replace("/data/tars", "tars")))
    assert sorted(known) == ["my-birds", "my-boxes", "my-tars"]
    assert known["my-birds"].table_columns.text == ("title", "alt")
    assert known["my-tars"].captions_are_lines


def test_a_catalog_of_ones_own_adds_a_corpus_without_python(tmp_path: Path, tiny_corpus: Path):
    path = catalog(tmp_path, f'[mine]\nreader = "folder"\nlocation = "{tiny_corpus}"\nlanguages = ["en", "fr"]\n')
    corpus = find_corpus("mine", catalog=load_catalog(path))
    source = open_source(corpus, cache=tmp_path)
    assert (source.corpus, len(list(source.references()))) == ("mine", 12)


def test_a_table_is_described_whole_and_its_locations_are_relative_to_the_catalog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "data"
    write_table(folder / "1.csv", [{"bild": "a.png", "titel": "Katze", "legende": "chat"}])
    write_table(folder / "2.csv", [{"bild": "b.png", "titel": "Hund", "legende": "chien"}])
    (folder / "media").mkdir()
    for name in ("a", "b"):
        (folder / "media" / f"{name}.png").write_bytes(name.encode())
    path = catalog(
        folder,
        """
        [mine]
        reader = "table"
        location = ["1.csv", "2.csv"]
        media_folders = ["media"]
        languages = ["de"]
        profile = "train"
        [mine.columns]
        image = "bild"
        text = "titel"
        "text.fr" = "legende"
        [mine.table]
        quotes = false
        [mine.download]
        per_host = 2
        """,
    )
    monkeypatch.chdir("/")
    corpus = load_catalog(path)["mine"]
    source = open_source(corpus, cache=tmp_path)
    found = list(source.read(source.references()))
    assert [(one.image, one.texts) for one in found] == [
        (b"a", {"de": "Katze", "fr": "chat"}),
        (b"b", {"de": "Hund", "fr": "chien"}),
    ]
    assert corpus.media_profile
    assert corpus.media_profile.name == "train"


@pytest.mark.parametrize(("captions", "caption"), [("lines", "one"), ("text", "one two")])
def test_lines_of_a_folder_are_captions_where_its_entry_says_so(tmp_path: Path, captions: str, caption: str):
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "a.png").write_bytes(b"1")
    (tmp_path / "media" / "a.txt").write_text("one\ntwo")
    text = f'[mine]\nreader = "folder"\nlocation = "media"\ncolumns = {{captions = "{captions}"}}\n'
    source = open_source(load_catalog(catalog(tmp_path, text))["mine"], cache=tmp_path)
    assert next(source.read(source.references())).caption == caption


def test_any_folder_is_a_corpus(tiny_corpus: Path, tmp_path: Path):
    corpus = find_corpus(str(tiny_corpus))
    assert (corpus.reader, corpus.name.rsplit("-", 1)[0]) == ("folder", "tiny")
    source = open_source(corpus, cache=tmp_path)
    assert pickle.loads(pickle.dumps(source)) == source  # noqa: S301


def test_any_table_is_a_corpus(tmp_path: Path):
    path = write_table(tmp_path / "birds.parquet", [{"caption": "a robin"}])
    corpus = find_corpus(str(path))
    assert (corpus.reader, corpus.name.rsplit("-", 1)[0]) == ("table", "birds")
    assert find_corpus(str(path)) == corpus_at(str(path))


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(SourceError, match=r"Did you mean openmoji\? Known are openmoji, openmoji-scenes, stamps"):
        find_corpus("openmoij")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("= 3", "not TOML"),
        ("openmoji = 3", "corpus openmoji: not a table"),
        ('[a]\nreader = "folder"', "corpus a: location missing"),
        ('[a]\nreader = "folder"\nlocation = 3', "corpus a: location"),
        ('[a]\nreader = "folder"\nlocation = []', "corpus a: location"),
        ('[a]\nreader = "folder"\nlocation = "x"\nlanguages = "en"', "languages"),
        (
            '[a]\nreader = "folder"\nlocation = "x"\nlicence = "CC0"',
            "corpus a: unknown 'licence'. Did you mean license?",
        ),
        ('[a]\nreader = "webdatset"\nlocation = "x"', "corpus a: reader 'webdatset'.* Did you mean webdataset?"),
        ('["A B"]\nreader = "folder"\nlocation = "x"', "not a name"),
        (
            '[a]\nlocation = "x.csv"\n[a.columns]\nimgae = "x"',
            "a: columns: unknown 'imgae'. Did you mean image?",
        ),
        ('[a]\nlocation = "x.csv"\n[a.columns]\nimage = 3', "corpus a: columns: image = 3"),
        ('[a]\nlocation = "x.csv"\n[a.columns]\nimage = ["x", "y"]', "Only text takes several"),
        ('[a]\nlocation = "x.tar"\n[a.columns]\nimage = "x"', "webdataset.: columns: unknown 'image'"),
        ('[a]\nlocation = "x.tar"\n[a.columns]\ncaptions = "x"', "captions = 'x', expected one of text, lines"),
        ('[a]\nlocation = "x.csv"\n[a.table]\nquote = true', "table: unknown 'quote'. Did you mean quotes?"),
        ('[a]\nlocation = "x.csv"\n[a.table]\nquotes = "yes"', "table: quotes = 'yes'"),
        (
            '[a]\nlocation = "x.csv"\n[a.download]\ntimeout = 3',
            "unknown 'timeout'. Did you mean timeout_seconds?",
        ),
        (
            '[a]\nlocation = "x.csv"\n[a.download]\nper_host = "3"',
            "per_host = '3'. Expected a value such as 4",
        ),
        ('[a]\nlocation = "x.csv"\n[a.download]\nper_host = 0', "per_host"),
        ('[a]\nlocation = "x.csv"\nprofile = "tiny"', "profile: name = 'tiny'"),
        ('[a]\nlocation = "x.csv"\n[a.profile]\nside = 3', "profile: unknown 'side'"),
    ],
)
def test_a_wrong_entry_says_what_is_wrong(tmp_path: Path, text: str, said: str):
    with pytest.raises(SourceError, match=said.replace("?", r"\?")):
        load_catalog(catalog(tmp_path, text))


def test_a_missing_catalog_is_an_error(tmp_path: Path):
    with pytest.raises(SourceError, match="cannot be read"):
        load_catalog(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("corpus", "said"),
    [
        (Corpus(name="c", reader="folder", location=("a", "b")), "takes one folder"),
        (Corpus(name="c", reader="folder", location="s3://a/b"), "takes one folder on this machine"),
        (Corpus(name="c", reader="table", location="x.csv", exclude=("a",)), "`exclude` is of folders"),
    ],
)
def test_what_a_reader_cannot_do_is_said_when_it_is_opened(tmp_path: Path, corpus: Corpus, said: str):
    with pytest.raises(SourceError, match=said):
        open_source(corpus, cache=tmp_path)


def test_a_registered_model_is_named_for_its_corpus():
    assert Corpus(name="c", reader="folder", location="x").registered_model == "aligner-c"
