from typing import Any

import pytest

from pipelines.curation.duplicates.settings import DuplicateSettings, NearImage, Semantic, finding_digest
from pipelines.errors import PolicyError
from pipelines.samples import Modality


def parse(value: dict[str, Any] | None, **given: Any) -> DuplicateSettings:
    return DuplicateSettings.parse(value, where="policy p, line 2 (@duplicates)", **given)


def test_without_a_header_exact_copies_and_near_images_are_faults() -> None:
    assert parse(None) == DuplicateSettings()
    assert parse(None).faults == ("duplicate", "near_duplicate")


def test_faults_come_in_one_order_however_the_header_orders_kinds() -> None:
    given = {"semantic": {"family": "embeddings@0123456789ab"}, "near_audio": {}, "exact": {}}
    assert parse(given).faults == ("duplicate", "near_duplicate_audio", "semantic_duplicate")


def test_the_cap_of_the_policy_holds_for_every_kind_that_has_none_of_its_own() -> None:
    kinds = parse({"exact": {}, "near_image": {"max_per_component": 2}}, max_per_component=5).kinds
    assert (kinds["exact"].max_per_component, kinds["near_image"].max_per_component) == (5, 2)


def test_values_are_read_in_their_types() -> None:
    given = {"family": "embeddings@0123456789ab", "modality": "text", "min_similarity": 1}
    kind = parse({"semantic": given}).kinds["semantic"]
    assert isinstance(kind, Semantic)
    assert (kind.modality, kind.min_similarity) == (Modality.TEXT, 1.0)


def test_how_many_are_kept_changes_no_component() -> None:
    assert finding_digest("near_image", NearImage()) == finding_digest("near_image", NearImage(max_per_component=9))
    assert finding_digest("near_image", NearImage()) != finding_digest("near_image", NearImage(max_distance=3))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"near_images": {}}, r"@duplicates\): no key 'near_images'. Did you mean near_image"),
        ({"near_image": {"max_distanse": 3}}, "near_image: no key 'max_distanse'. Did you mean max_distance"),
        ({"near_image": {"max_distance": 9}}, "near_image.max_distance = 9: expected 0 to 8"),
        ({"near_image": {"max_distance": "4"}}, "expected a whole number"),
        ({"near_text": {"min_similarity": 0.2}}, "expected 0.5 to 1"),
        ({"near_image": {"ignore_captions": 1}}, "expected true or false"),
        ({"exact": 1}, "expected an object"),
        ({"semantic": {}}, "names no vectors"),
        ({"semantic": {"family": "embeddings@0", "modality": "smell"}}, "one of image, text, audio"),
        ({"semantic": {"family": "embeddings@0", "keep": "best"}}, "one of plain, central, peripheral"),
    ],
)
def test_a_wrong_setting_says_where_it_is_and_what_was_expected(given: dict[str, Any], message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        parse(given)
