import json
import os
import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.errors import SampleError, SourceError
from pipelines.samples import Record
from pipelines.sources.folder import FolderSource, open_folder


def records(source: FolderSource) -> dict[str, Record]:
    return {reference.name: source.read_one(reference) for reference in source.references()}


def write(root: Path, **files: str | bytes) -> Path:
    for name, content in files.items():
        path = root / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def test_each_clip_of_a_thing_is_a_record_and_shares_its_group_and_image(tiny_corpus: Path):
    found = records(open_folder(tiny_corpus, corpus="tiny"))
    assert len(found) == 12
    english, french = found["animals/cat.en.flac"], found["animals/cat.fr.flac"]
    assert english.reference.group == french.reference.group == "animals/cat"
    assert english.image == french.image
    assert (english.language, english.caption, french.language, french.caption) == ("en", "cat", "fr", "chat")
    assert english.texts == {"en": "cat", "fr": "chat"}
    assert (english.tags, english.license, english.voice) == (("animals",), "CC0-1.0", "tone")


def test_a_picture_with_a_plain_text_takes_the_declared_language(tmp_path: Path):
    write(tmp_path, a_jpg=b"1", a_txt="ein Hund\n")
    assert records(open_folder(tmp_path, corpus="c"))["a.jpg"].language == "und"
    found = records(open_folder(tmp_path, corpus="c", languages=("de",)))["a.jpg"]
    assert (found.language, found.caption, found.audio, found.tags) == ("de", "ein Hund", None, ())


def test_files_win_over_the_json_and_the_json_over_the_defaults(tmp_path: Path):
    fields = {"caption": "from json", "language": "fr", "texts": {"en": "json", "it": "ciao"}, "tags": ["mine"]}
    write(tmp_path, x__a_png=b"1", x__a_en_txt="from file", x__a_json=json.dumps(fields))
    found = records(open_folder(tmp_path, corpus="c", licence="CC0"))["x/a.png"]
    assert found.texts == {"en": "from file", "fr": "from json", "it": "ciao"}
    assert (found.language, found.caption, found.tags, found.license) == ("fr", "from json", ("mine",), "CC0")


def test_further_images_of_a_stem_are_records_of_their_own(tmp_path: Path):
    write(tmp_path, a_jpg=b"1", a_png=b"2", a_wav=b"3")
    found = records(open_folder(tmp_path, corpus="c"))
    assert {name: (record.image, record.audio) for name, record in found.items()} == {
        "a.wav": (b"1", b"3"),
        "a.png": (b"2", None),
    }


def test_lines_of_a_text_become_one_and_a_mark_at_its_start_is_dropped(tmp_path: Path):
    write(tmp_path, a_png=b"1", a_txt=b"\xef\xbb\xbfone\r\n  two\n")
    assert records(open_folder(tmp_path, corpus="c"))["a.png"].caption == "one two"


def test_the_snapshot_changes_with_what_is_in_the_folder_and_with_how_it_is_read(tiny_corpus: Path):
    first = open_folder(tiny_corpus, corpus="tiny").snapshot
    assert open_folder(tiny_corpus, corpus="tiny").snapshot == first
    assert open_folder(tiny_corpus, corpus="tiny", licence="CC0").snapshot != first
    os.utime(tiny_corpus / "food" / "apple.png", ns=(1, 1))
    assert open_folder(tiny_corpus, corpus="tiny").snapshot != first


def test_a_copy_in_another_process_reads_the_same(tiny_corpus: Path):
    source = open_folder(tiny_corpus, corpus="tiny")
    reference = next(source.references())
    assert pickle.loads(pickle.dumps(source)).read_one(reference) == source.read_one(reference)  # noqa: S301


def test_a_folder_without_media_says_what_was_looked_for(tmp_path: Path):
    write(tmp_path, readme_txt="hello")
    with pytest.raises(SourceError, match=r"no media among its 1 files.*\.jpg.*\.flac"):
        open_folder(tmp_path, corpus="c")


def test_no_folder_is_an_error(tmp_path: Path):
    with pytest.raises(SourceError, match="no such folder"):
        open_folder(tmp_path / "none", corpus="c")


@pytest.mark.parametrize(
    "locator",
    [
        ("", "../secret.png"),
        ("../", "secret.png"),
        ("", "/etc/x.png"),
        ("", "gone.png"),
        ("outside/", "secret.png"),
        ("", "link.png"),
        ("", "pipe.png"),
        ("",),
        ("", "a.txt"),
    ],
)
def test_a_reference_that_leads_elsewhere_is_a_sample_error(tmp_path: Path, locator: tuple[str, ...]):
    write(tmp_path, secret_png=b"1", corpus__a_png=b"2")
    (tmp_path / "corpus" / "outside").symlink_to(tmp_path)
    (tmp_path / "corpus" / "link.png").symlink_to(tmp_path / "secret.png")
    os.mkfifo(tmp_path / "corpus" / "pipe.png")
    source = open_folder(tmp_path / "corpus", corpus="c")
    reference = replace(next(source.references()), locator=locator)
    with pytest.raises(SampleError):
        source.read_one(reference)


def test_a_file_name_that_is_not_utf8_gets_a_name_that_is(tmp_path: Path):
    write(tmp_path, a_png=b"1")
    (tmp_path / os.fsdecode(b"b\xff.png")).write_bytes(b"2")
    source = open_folder(tmp_path, corpus="c")
    found = {record.reference.name: record.image for record in source.read(source.references())}
    assert found == {"a.png": b"1", "b\\xff.png": b"2"}


def test_a_reference_knows_the_size_of_its_media_and_changes_with_each_of_its_files(tmp_path: Path):
    write(tmp_path, a_png=b"123", a_wav=b"12345", a_txt="one", a_json="{}", b_png=b"1")
    before = {one.name: one for one in open_folder(tmp_path, corpus="c").references()}
    assert (before["a.wav"].num_bytes, before["b.png"].num_bytes) == (8, 1)
    for name in ("a.png", "a.wav", "a.txt", "a.json"):
        os.utime(tmp_path / name, ns=(1, 1))
        after = {one.name: one for one in open_folder(tmp_path, corpus="c").references()}
        assert after["a.wav"].version != before["a.wav"].version
        assert after["b.png"].version == before["b.png"].version
        before = after
    (other,) = (one for one in open_folder(tmp_path, corpus="c", licence="CC0").references() if one.name == "b.png")
    assert other.version != before["b.png"].version


def test_three_letter_languages_count_where_they_are_declared(tmp_path: Path):
    write(tmp_path, a_png=b"1", a_fil_txt="pusa", a_en_txt="cat", a_old_txt="stale")
    found = records(open_folder(tmp_path, corpus="c", languages=("fil", "en")))["a.png"]
    assert (found.texts, found.language) == ({"en": "cat", "fil": "pusa"}, "fil")


def test_a_file_that_cannot_be_read_is_a_sample_error(tmp_path: Path):
    write(tmp_path, a_png=b"1", a_txt="x")
    source = open_folder(tmp_path, corpus="c")
    (tmp_path / "a.txt").unlink()
    (tmp_path / "a.txt").symlink_to(tmp_path / "a.txt")
    assert source.read_one(next(source.references())).caption == ""  # links are not followed
    (tmp_path / "b.png").write_bytes(b"1")
    reference = list(source.references())[-1]
    (tmp_path / "b.png").unlink()
    with pytest.raises(SampleError, match=r"b\.png: cannot be read"):
        source.read_one(reference)


def test_facts_count_what_is_there(tiny_corpus: Path):
    facts = open_folder(tiny_corpus, corpus="tiny", exclude=("food",)).facts()
    assert (facts["num_images"], facts["num_clips"], facts["excluded"]) == (4, 8, "food")
