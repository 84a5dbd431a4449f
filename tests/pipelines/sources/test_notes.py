import json

import pytest

from pipelines.errors import SampleError
from pipelines.sources.notes import parse_notes


def notes(**fields):
    return parse_notes(json.dumps(fields).encode(), name="a.json")


def test_known_fields_are_taken_and_other_scalars_kept_as_original_data():
    found = notes(caption="c", language="fr", license="CC0", url="u", tags=["x", "y"], voice="v", width=3, nested={})
    assert (found.caption, found.language, found.license, found.url, found.voice) == ("c", "fr", "CC0", "u", "v")
    assert (found.tags, found.original_data) == (("x", "y"), {"width": "3"})


def test_fields_in_capitals_are_the_same_fields():
    found = notes(TEXT="a cat", LICENSE="CC0", language="en", NSFW="UNLIKELY")
    assert (found.caption, found.license, found.language, found.original_data) == (
        "a cat", "CC0", "en", {"NSFW": "UNLIKELY"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "caption"),
    [
        ({"text": "t"}, "t"),
        ({"text": ["first", "second"]}, "first"),
        ({"text": []}, ""),
        ({"caption": "c", "text": "t"}, "c"),
    ],
)
def test_a_caption_may_be_called_text(fields: dict[str, object], caption: str):
    assert notes(**fields).caption == caption


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b"\xff",
        b'{"caption": 3}',
        b'{"texts": ["a"]}',
        b'{"texts": {"en": 1}}',
        b'{"tags": {"a": 1}}',
        b'{"tags": [1]}',
        b'{"text": [3]}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_notes_is_a_sample_error_that_names_the_file(data: bytes):
    with pytest.raises(SampleError, match=r"a\.json"):
        parse_notes(data, name="a.json")


def test_original_data_is_bounded():
    found = notes(**{f"field{number:03d}": "x" * 5000 for number in range(200)})
    assert len(found.original_data) == 64
    assert max(map(len, found.original_data.values())) == 1000
