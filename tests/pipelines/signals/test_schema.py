import re
from itertools import chain

import pytest

from pipelines.errors import SignalError
from pipelines.signals import columns
from pipelines.signals.audio import measure_clips
from pipelines.signals.fingerprints import hash_clips, hash_pictures, hash_texts
from pipelines.signals.image import measure_images
from pipelines.signals.schema import FAMILIES, KNOWN_FAMILIES, RELATIVE, alignment_family, family_of, signals_page
from pipelines.signals.text import Caption, measure_texts

EVERY_COLUMN = [
    *chain.from_iterable(family.columns for family in (*KNOWN_FAMILIES.values(), *RELATIVE.values())),
    *columns.ALIGNMENT,
]


def test_the_functions_give_exactly_the_columns_of_the_schema(media):
    picture, clip = media.picture(media.drawing(0)), media.clip(media.tone(440))
    given = {
        "image": measure_images([picture]),
        "text": measure_texts([Caption(text="a")]),
        "audio": measure_clips([clip]),
        "fingerprints": {**hash_pictures([picture]), **hash_texts(["a"]), **hash_clips([clip])},
    }
    assert {name: list(found) for name, found in given.items()} == {
        name: [column.name for column in family.columns] for name, family in FAMILIES.items()
    }


def test_no_two_columns_share_a_name():
    names = [column.name for column in EVERY_COLUMN]
    assert len(names) == len(set(names))


def test_the_page_tells_all_of_every_column():
    page = signals_page()
    assert all(f"### {family.key}\n" in page for family in KNOWN_FAMILIES.values())
    for column in EVERY_COLUMN:
        (row,) = re.findall(rf"^\| `{column.name}` \|.*\|$", page, re.MULTILINE)
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == 6, column.name
        assert cells[4] == column.meaning
        assert cells[1]
        assert cells[5]


@pytest.mark.parametrize(
    ("bounds", "text"), [((0, 1), "0 to 1"), ((-70, None), ">= -70"), ((None, 5), "<= 5"), (None, "")]
)
def test_ranges_read_well(bounds, text):
    column = columns.Column(name="x", type=None, unit="", meaning="", source="", range=bounds)
    assert column.range_text == text


def test_families_go_by_name_or_key():
    assert family_of("image") is family_of("image@2") is FAMILIES["image"]


@pytest.mark.parametrize("name", ["images", "image@1", "image@3", ""])
def test_an_unknown_family_is_refused_with_the_known_ones(name):
    with pytest.raises(SignalError, match="Choose from image, text, audio, fingerprints"):
        family_of(name)


def test_alignment_is_keyed_by_twelve_digits_of_the_model():
    key, schema = alignment_family("0123456789abcdef" * 4)
    assert key == "alignment@0123456789ab"
    assert schema.names[:2] == ["uid", "image_text_score"]
