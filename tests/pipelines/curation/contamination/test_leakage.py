import pyarrow as pa
import pytest

from pipelines.curation.contamination import LEAK_DISTANCE, near_held_out
from pipelines.curation.queries import run_sql

SCHEMA = pa.schema(
    [
        ("uid", pa.string()),
        ("group", pa.string()),
        ("split", pa.string()),
        ("language", pa.string()),
        ("voice", pa.string()),
        ("caption", pa.string()),
        ("texts", pa.map_(pa.string(), pa.string())),
        ("image_sha256", pa.string()),
        ("audio_sha256", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("image_phash", pa.uint64()),
    ]
)
HELD_OUT = {
    "uid": "held", "group": "h", "split": "held_out_concept", "language": "en", "voice": "v", "caption": "a Lion",
    "texts": {"en": "a Lion", "fr": "un lion"}, "image_sha256": "image h", "audio_sha256": "clip h", "image_phash": 0,
}  # fmt: skip
TRAIN = {
    "uid": "train", "group": "t", "split": "train", "language": "en", "voice": "w", "caption": "a cat",
    "texts": {"en": "a cat"}, "image_sha256": "image t", "audio_sha256": "clip t", "image_phash": 2**64 - 1,
}  # fmt: skip


def table(*changes: dict[str, object]) -> pa.Table:
    rows = [{**HELD_OUT}, *({**TRAIN, **change} for change in changes)]
    return pa.Table.from_pylist([{**row, "texts": list(row["texts"].items())} for row in rows], schema=SCHEMA)


CASES = [
    ({}, False),
    ({"image_phash": (1 << LEAK_DISTANCE) - 1}, True),
    ({"image_phash": (1 << LEAK_DISTANCE + 1) - 1}, False),
    ({"image_phash": 1 << 63 | 1 << 22}, True),
    ({"image_sha256": "image h", "image_phash": 0}, True),
    ({"image_phash": None}, False),
    ({"audio_sha256": "clip h"}, True),
    ({"audio_sha256": None}, False),
    ({"caption": "a  lion", "texts": {"en": "a  lion"}}, True),
    ({"texts": {"en": "A LION", "de": "eine Katze"}, "language": "de", "caption": "eine Katze"}, True),
    ({"texts": {"en": "a cat", "fr": "un lion"}}, False),
    ({"texts": {"de": "a lion"}, "language": "de", "caption": "a lion"}, False),
    ({"texts": {}, "caption": None}, False),
]


@pytest.mark.parametrize(("change", "leaks"), CASES)
def test_a_training_sample_that_gives_a_held_out_concept_away_is_found(change: dict[str, object], leaks: bool) -> None:
    samples = table(change)
    found = near_held_out(samples, run_sql("texts", samples=samples))["uid"].to_pylist()
    assert found == (["train"] if leaks else [])


@pytest.mark.parametrize("other", [{"group": "h"}, {"split": "held_out_language"}, {"split": "held_out_voice"}])
def test_only_training_samples_of_other_groups_leak(other: dict[str, object]) -> None:
    samples = table({"image_phash": 0, "audio_sha256": "clip h", **other})
    assert near_held_out(samples, run_sql("texts", samples=samples)).num_rows == 0


def reasons(*changes: dict[str, object]) -> list[str]:
    found = run_sql("leakage", params={"max_distance": LEAK_DISTANCE, "max_rows": 10}, kept=table(*changes))
    return found["reason"].to_pylist()


@pytest.mark.parametrize(("change", "leaks"), CASES)
def test_the_proof_agrees_with_the_rule(change: dict[str, object], leaks: bool) -> None:
    assert bool(reasons(change)) is leaks


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (({"group": "h"},), "same_group"),
        (({}, {"uid": "other", "split": "held_out_language"}), "same_group_and_language"),
        (({}, {"uid": "other", "group": "o", "split": "held_out_voice"}), "same_voice"),
    ],
)
def test_the_proof_looks_at_the_split_itself_too(changes: tuple[dict[str, object], ...], reason: str) -> None:
    assert reasons(*changes) == [reason]


def test_a_clean_split_has_no_leak() -> None:
    assert reasons({}, {"uid": "o", "split": "held_out_language", "language": "fr", "voice": "x"}) == []
