import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import SampleError
from pipelines.samples import Record, Reference
from pipelines.sources.stems import StemRules, captions_of, group_by_stem, record_of

RULES = StemRules(corpus="c", license="unknown")


def record(files: dict[str, str], medium: str, *, rules: StemRules = RULES) -> Record:
    stem = next(iter(group_by_stem(files).values()))
    reference = Reference(row=0, name=medium, group="a")
    return record_of(reference, stem, medium, rules=rules, read=lambda name, _limit: files[name].encode())


def test_files_of_one_stem_belong_together():
    names = ["a.jpg", "a.JSON", "a.txt", "a.fr.txt", "a.fr.ogg", "a.1.wav", "b.PNG", "notes.md", ".a.txt"]
    stems = group_by_stem(names)
    assert sorted(stems) == ["a", "b"]
    assert (stems["a"].images, stems["a"].json, stems["b"].images) == (["a.jpg"], ["a.JSON"], ["b.PNG"])
    assert stems["a"].texts == {"": "a.txt", "fr": "a.fr.txt"}
    assert [(clip.name, clip.language) for clip in stems["a"].clips] == [("a.1.wav", ""), ("a.fr.ogg", "fr")]


@given(st.lists(st.sampled_from(["a.jpg", "a.fr.ogg", "b.txt", "c.wav", "c.json", "x.md"]), unique=True))
def test_the_order_of_the_names_does_not_matter(names: list[str]):
    assert group_by_stem(names) == group_by_stem(sorted(names, reverse=True))


def test_a_list_of_captions_in_the_json_is_kept():
    files = {"a.flac": "1", "a.json": json.dumps({"text": ["a dog barks", "barking", "a dog barks"]})}
    found = record(files, "a.flac")
    assert (found.caption, found.captions) == ("a dog barks", ("barking",))


def test_a_text_file_keeps_the_further_captions_of_a_json_that_knows_it_and_of_no_other():
    fields = {"text": ["one", "two"]}
    assert record({"a.png": "1", "a.txt": "one", "a.json": json.dumps(fields)}, "a.png").captions == ("two",)
    assert record({"a.png": "1", "a.txt": "else", "a.json": json.dumps(fields)}, "a.png").captions == ()


def test_lines_are_captions_only_where_the_corpus_says_so():
    files = {"a.png": "1", "a.txt": "one\n\n  two  words\n", "a.fr.txt": "un\ndeux"}
    assert record(files, "a.png").texts == {"fr": "un deux", "und": "one two words"}
    by_line = record(files, "a.png", rules=StemRules(corpus="c", license="", captions_are_lines=True))
    assert (by_line.texts, by_line.captions) == ({"fr": "un", "und": "one"}, ("two words",))


def test_boxes_of_faces_and_nested_original_data_come_along():
    fields = {"face_bboxes": [[0, 0.5, 1, 1]], "original_data": {"license": "CC0", "album": "x"}, "year": 1999}
    found = record({"a.png": "1", "a.json": json.dumps(fields)}, "a.png")
    assert found.face_bboxes == ((0.0, 0.5, 1.0, 1.0),)
    assert (found.license, found.original_data) == ("CC0", {"album": "x", "license": "CC0", "year": "1999"})


def test_text_that_is_not_utf8_names_its_file():
    with pytest.raises(SampleError, match=r"a\.txt: not UTF-8 .* byte 1"):
        captions_of(b"a\xff", name="a.txt", are_lines=False)
