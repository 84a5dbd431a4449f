"""Labels from a file: stored by content, joined by a column of the view, refused where they do not fit."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmmodels.errors import RecipeError
from mmmodels.tasks.labelling import labels_of, store_labels


@pytest.fixture
def by_language(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("language,label\nen,english\n")
    return path


def test_a_label_file_labels_the_samples_that_it_names_and_no_others(by_language, patterns_view, patterns_data):
    stored = store_labels(by_language, layout=patterns_view.layout, view=patterns_view)
    labels = labels_of(patterns_data, stored["labels"])
    languages = patterns_data.column("language")
    assert labels.tolist() == ["english" if language == "en" else "" for language in languages]
    assert stored["num_samples_labelled"] == languages.count("en") < stored["num_samples"]


def test_equal_content_has_one_digest_whatever_the_form_and_the_order(tmp_path, by_language, patterns_view):
    by_language.write_text("language,label\nfr,french\nen,english\n")
    table = tmp_path / "labels.parquet"
    pq.write_table(pa.table({"label": ["english", "french"], "language": ["en", "fr"]}), table)
    stored = [
        store_labels(path, layout=patterns_view.layout, view=patterns_view)["labels"] for path in (by_language, table)
    ]
    assert stored[0] == stored[1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("language,label\nen,a\nen,b\n", "'en' stands in it more than once"),
        ("colour,label\nred,a\n", "first column is 'colour', the view has uid"),
        ("uid,tag\na,b\n", "expected rows of two columns"),
        ("uid,label\na\n", "row 2 has 1 cells, the header 2"),
        ("", "expected rows of two columns"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_by_name(content, message, tmp_path, patterns_view):
    path = tmp_path / "labels.csv"
    path.write_text(content)
    with pytest.raises(RecipeError, match=message):
        store_labels(path, layout=patterns_view.layout, view=patterns_view)


@pytest.mark.parametrize("name", ["0123456789abcdef", "../../etc/passwd", ""])
def test_labels_that_are_not_there_are_an_error_that_says_how_to_store_some(name, patterns_data):
    with pytest.raises(RecipeError, match="python -m mmmodels labels"):
        labels_of(patterns_data, name)


def test_a_corpus_without_such_labels_is_refused(patterns_data):
    with pytest.raises(RecipeError, match=r"none of the \d+ samples has such a label"):
        labels_of(patterns_data, "emosent")
