import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.curation.splits import HELD_OUT_SHARE, Split, is_held_out_text, split_column, split_of

words = st.text(alphabet="abcdef-\u00e9", max_size=4)


@pytest.mark.parametrize(
    ("group", "language", "voice", "expected"),
    [
        ("1F600", "en", "espeak-ng/en+bass", Split.TRAIN),
        ("g13", "en", "", Split.HELD_OUT_CONCEPT),
        ("g13", "fr", "v7", Split.HELD_OUT_CONCEPT),
        ("a", "en", "", Split.HELD_OUT_LANGUAGE),
        ("a", "fr", "", Split.TRAIN),
        ("1F600", "es", "espeak-ng/es+lively", Split.HELD_OUT_VOICE),
        ("1F600", "es", "", Split.TRAIN),
    ],
)
def test_a_split_never_changes(group: str, language: str, voice: str, expected: Split) -> None:
    assert split_of(group, language, voice) is expected


@settings(deadline=None)
@given(st.lists(st.tuples(words, words, words)))
def test_whole_columns_are_split_like_single_samples(samples: list[tuple[str, str, str]]) -> None:
    columns = [pa.array([sample[part] for sample in samples], pa.string()) for part in range(3)]
    assert split_column(*columns).to_pylist() == [str(split_of(*sample)) for sample in samples]


def test_missing_values_count_as_empty_and_chunks_do_not_matter() -> None:
    groups = pa.chunked_array([["a", None], ["a"]])
    languages = pa.chunked_array([[None], ["en", "en"]], pa.string())
    voices = pa.chunked_array([[None, "v", ""]], pa.string())
    expected = [split_of("a", "", ""), split_of("", "en", "v"), split_of("a", "en", "")]
    assert split_column(groups, languages, voices).to_pylist() == [str(split) for split in expected]


@settings(deadline=None)
@given(words, words, words)
def test_a_text_is_held_out_with_its_concept_or_its_language(group: str, language: str, voice: str) -> None:
    held_out = split_of(group, language, voice) in {Split.HELD_OUT_CONCEPT, Split.HELD_OUT_LANGUAGE}
    assert is_held_out_text(group, language) is held_out


def test_about_a_tenth_is_held_out() -> None:
    concepts = [split_of(f"group {number}", "en", "") for number in range(5000)]
    share = concepts.count(Split.HELD_OUT_CONCEPT) / len(concepts)
    assert abs(share - HELD_OUT_SHARE) < 0.02
    assert abs(concepts.count(Split.HELD_OUT_LANGUAGE) / len(concepts) - 0.9 * HELD_OUT_SHARE) < 0.02


def test_a_group_is_on_one_side_for_every_language_and_voice() -> None:
    for number in range(200):
        splits = {split_of(f"group {number}", language, voice) for language in ("en", "fr") for voice in ("", "a", "b")}
        assert splits == {Split.HELD_OUT_CONCEPT} or Split.HELD_OUT_CONCEPT not in splits
