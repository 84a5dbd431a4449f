import json
from dataclasses import replace

import pytest

from pipelines.errors import SampleError
from pipelines.samples import Record, Reference
from pipelines.shards.preparing import failed_row, prepare

REFERENCE = Reference(row=3, name="a/b.txt", group="a/b")
TEXT = Record(reference=REFERENCE, language="en", texts={"en": "hello", "fr": "salut"}, source="s", license="CC0-1.0")


def test_members_stand_in_name_order_with_one_json_schema(tiny_media):
    image, clip = tiny_media
    full = replace(TEXT, image=image, image_extension="png", audio=clip, audio_extension="flac")
    prepared = [prepare(record, corpus="c") for record in (full, TEXT, replace(TEXT, texts={}, image=image))]
    assert [[extension for _, extension, _ in one.members] for one in prepared] == [
        ["flac", "json", "png", "txt"],
        ["json", "txt"],
        ["json", "png"],
    ]
    documents = [json.loads(data) for one in prepared for part, _, data in one.members if part == "json"]
    assert len({tuple(document) for document in documents}) == 1
    assert (documents[0]["caption"], documents[0]["text"]) == ("hello", ["hello"])
    assert (documents[2]["caption"], documents[2]["text"]) == (None, [])


def test_the_uid_depends_on_content_and_reference_and_not_on_the_row():
    uid = prepare(TEXT, corpus="c").uid
    assert len(uid) == 32
    assert prepare(replace(TEXT, reference=replace(REFERENCE, row=99)), corpus="c").uid == uid
    others = [
        prepare(replace(TEXT, texts={"en": "hello"}), corpus="c").uid,
        prepare(replace(TEXT, reference=replace(REFERENCE, name="x")), corpus="c").uid,
        prepare(TEXT, corpus="d").uid,
    ]
    assert len({uid, *others}) == 4


def test_hashes_tell_original_from_stored_bytes(tiny_media):
    image, clip = tiny_media
    row = prepare(replace(TEXT, image=image, audio=clip), corpus="c").row
    assert row["sha256"] == row["sha256_stored"] == row["image_sha256"] != row["audio_sha256"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"texts": {"en": "a\0b"}}, "NUL"),
        ({"texts": {"en": "hello", "fr": "\ud800"}}, "lone surrogate"),
        ({"license": "\udcff"}, "lone surrogate"),
        ({"tags": ("a\0",)}, "NUL"),
        ({"texts": {"en": "x" * 1_100_000}}, "1100000 characters"),
        ({"texts": {"fr": "salut"}}, "no image, no clip and no caption"),
    ],
)
def test_what_may_not_enter_is_refused_with_a_reason(change: dict[str, object], why: str):
    with pytest.raises(SampleError, match=why) as caught:
        prepare(replace(TEXT, **change), corpus="c")
    assert caught.value.status == "refused"


def test_right_to_left_marks_and_a_long_text_are_kept():
    text = "\u202eאבג\u200f " + "x" * 1_000_000
    members = prepare(replace(TEXT, texts={"en": text}), corpus="c").members
    assert members[-1][2].decode() == text


def test_a_failed_row_fits_utf8_whatever_the_name_is():
    row = failed_row(replace(REFERENCE, name="a\ud800"), SampleError("bad \udcff", status="refused"))
    assert (row["reference"], row["error_message"], row["status"]) == ("a\\ud800", "bad \\udcff", "refused")
    assert "uid" not in row
