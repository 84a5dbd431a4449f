from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.curation.duplicates.images import VARIANT_DISTANCE
from pipelines.curation.duplicates.settings import Exact, NearImage
from tests.pipelines.curation.duplicates.pools import find_in

NEAR_DISTANCE = NearImage().max_distance
BLUE, RED = [0, 0, 200] * 64, [200, 0, 0] * 64
FAR = 0x0F0F_F0F0_3C3C_A5A5


def sample(uid: str, **given: Any) -> dict[str, Any]:
    row = {
        "uid": uid, "group": uid, "split": "train", "image_sha256": f"image {uid}", "audio_sha256": f"clip {uid}",
        "language": "en", "caption": f"caption {uid}", "width": 64, "height": 64, "image_phash": 0,
        "image_colours": BLUE, **given,
    }  # fmt: skip
    texts = row.setdefault("texts", {row["language"]: row["caption"]} if row["caption"] else {})
    return {**row, "texts": list(texts.items())}


def flipped(num_bits: int) -> int:
    return (1 << num_bits) - 1


def find(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    return find_in(rows, Exact(), NearImage())


def near(*rows: dict[str, Any], kind: NearImage | None = None) -> dict[str, int]:
    """Uid -> rank of every sample in a component of near images."""
    return {row["uid"]: row["rank"] for row in find_in(rows, kind or NearImage())}


def test_equal_image_clip_language_and_caption_are_exact_duplicates_and_the_smallest_uid_is_best() -> None:
    same = {"image_sha256": "i", "audio_sha256": "c", "caption": "a cat"}
    found = [row for row in find(sample("b", **same), sample("a", **same), sample("c")) if row["kind"] == "exact"]
    assert found == [
        {"uid": "a", "kind": "exact", "component": "a", "rank": 0, "similarity": None},
        {"uid": "b", "kind": "exact", "component": "a", "rank": 1, "similarity": None},
    ]


@pytest.mark.parametrize(
    "other",
    [{"audio_sha256": "other"}, {"caption": "a dog"}, {"language": "de"}, {"image_sha256": "other"}],
    ids=["clip", "caption", "language", "image"],
)
def test_one_picture_with_another_clip_caption_or_language_is_no_exact_duplicate(other: dict[str, str]) -> None:
    same = {"image_sha256": "i", "audio_sha256": "c", "caption": "a cat", "group": "g", "image_phash": None}
    assert find(sample("a", **same), sample("b", **{**same, **other})) == []


def test_samples_without_anything_are_not_duplicates_of_each_other() -> None:
    nothing = {"image_sha256": None, "audio_sha256": None, "caption": None, "texts": {}, "image_phash": None}
    assert find(sample("a", **nothing), sample("b", **nothing)) == []


def test_equal_clips_without_a_picture_are_exact_duplicates() -> None:
    clip = {"image_sha256": None, "audio_sha256": "c", "caption": None, "texts": {}, "image_phash": None}
    assert [row["uid"] for row in find(sample("a", **clip), sample("b", **clip))] == ["a", "b"]


@pytest.mark.parametrize(("distance", "is_near"), [(0, True), (NEAR_DISTANCE, True), (NEAR_DISTANCE + 1, False)])
def test_near_images_of_one_group_are_near_duplicates(distance: int, is_near: bool) -> None:
    found = near(sample("a", group="g"), sample("b", group="g", image_phash=flipped(distance)))
    assert found == ({"a": 0, "b": 1} if is_near else {})


@pytest.mark.parametrize(("distance", "is_near"), [(VARIANT_DISTANCE, True), (VARIANT_DISTANCE + 1, False)])
def test_a_variant_whose_caption_extends_anothers_may_look_less_alike(distance: int, is_near: bool) -> None:
    found = near(
        sample("a", group="g", caption="waving hand"),
        sample("b", group="g", caption="Waving  hand: dark skin tone", image_phash=flipped(distance)),
    )
    assert found == ({"a": 0, "b": 1} if is_near else {})


@pytest.mark.parametrize("caption", ["waving handle", "dark waving hand", "hand waving"])
def test_a_caption_that_does_not_extend_by_words_makes_no_variant(caption: str) -> None:
    assert (
        near(
            sample("a", group="g", caption="waving hand"),
            sample("b", group="g", caption=caption, image_phash=flipped(NEAR_DISTANCE + 1)),
        )
        == {}
    )


def test_flags_that_look_alike_and_mean_different_things_are_not_merged() -> None:
    assert near(sample("indonesia", caption="Indonesia"), sample("monaco", caption="Monaco")) == {}


def test_texts_in_another_language_keep_lookalikes_apart_too() -> None:
    assert (
        near(
            sample("a", language="de", caption="Indonesien", texts={"de": "Indonesien", "en": "Indonesia"}),
            sample("b", language="fr", caption="Monaco", texts={"fr": "Monaco", "en": "Monaco"}),
        )
        == {}
    )


def test_across_groups_an_equal_caption_makes_near_images_one_thing() -> None:
    rows = sample("a", caption="A red APPLE"), sample("b", caption="a  red apple", image_phash=flipped(NEAR_DISTANCE))
    assert near(*rows) == {"a": 0, "b": 1}


def test_across_groups_and_without_words_the_pixels_decide() -> None:
    silent = {"caption": None, "texts": {}}
    blue, also, red = sample("a", **silent), sample("b", **silent), sample("c", image_colours=RED, **silent)
    assert near(blue, also, red) == {"a": 0, "b": 1}
    assert near(blue, sample("d", image_phash=1, **silent)) == {}


def test_the_best_has_most_samples_then_the_plainest_text_then_most_pixels() -> None:
    group = {"group": "g"}
    often = [sample(f"o{clip}", image_sha256="often", caption="a very long caption", **group) for clip in range(2)]
    plain = sample("p", image_sha256="plain", caption="short", width=16, **group)
    large = sample("l", image_sha256="large", caption="short", width=128, **group)
    assert near(plain, *often, large) == {"o0": 0, "o1": 0, "l": 1, "p": 2}


def test_one_picture_with_many_clips_is_no_near_duplicate_of_itself() -> None:
    assert near(*(sample(str(clip), image_sha256="one", group="g") for clip in range(4))) == {}


def test_a_chain_of_near_images_is_one_component() -> None:
    found = find(*(sample(f"s{n}", group="g", image_phash=flipped(4 * n)) for n in range(4)))
    assert {row["component"] for row in found} == {"s0"}
    assert len(found) == 4


def test_unmeasured_pictures_are_left_alone() -> None:
    assert near(sample("a", group="g", image_phash=None), sample("b", group="g")) == {}


@settings(max_examples=6, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_samples_does_not_matter(random: Any) -> None:
    rows = [
        sample(f"u{n}", group=f"g{n % 3}", image_sha256=f"i{n % 5}", image_phash=flipped(n % 5) ^ FAR * (n % 2),
               audio_sha256=f"c{n % 2}", caption=f"word {n % 2}")
        for n in range(12)
    ]  # fmt: skip
    expected = find(*rows)
    random.shuffle(rows)
    assert find(*rows) == expected
    assert {row["kind"] for row in expected} == {"exact", "near_image"}


def test_a_copy_without_words_joins_one_of_two_lookalikes_and_does_not_make_them_one() -> None:
    silent = {"caption": None, "texts": {}}
    found = near(sample("a", caption="Monaco"), sample("b", caption="Indonesia"), sample("c", **silent))
    assert found == {"a": 0, "c": 1}


def test_pictures_without_words_whose_colours_were_not_measured_are_left_alone() -> None:
    silent = {"caption": None, "texts": {}, "image_colours": None}
    assert near(sample("a", **silent), sample("b", **silent)) == {}


def test_where_captions_are_to_be_ignored_pictures_that_look_the_same_are_one() -> None:
    rows = sample("a", caption="a cat"), sample("b", caption="kitten", image_phash=3), sample("c", image_colours=RED)
    assert near(*rows) == {}
    assert near(*rows, kind=NearImage(ignore_captions=True)) == {"a": 0, "b": 1}


def test_a_thousand_blank_pictures_that_say_the_same_are_one_component() -> None:
    rows = [sample(f"u{n:04}", caption="blank", image_phash=0) for n in range(1000)]
    assert sorted(near(*rows).values()) == list(range(1000))
