"""Runs of words that two texts share, in any script."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.curation.contamination.grams import grams_of, is_short, shared_run

LONG = "a brown dog runs over the green field behind the old red barn today again"
CHINESE = "一只棕色的狗在老旧的红色谷仓后面的绿色田野上奔跑着直到晚上"
THAI = "สุนัขสีน้ำตาลวิ่งข้ามทุ่งหญ้าสีเขียวหลังโรงนาสีแดงเก่าในวันนี้อีกครั้งหนึ่งนะ"


def found(left: str, right: str, *, words: int = 13, min_words: int = 8) -> bool:
    """As the finder does: hashes first, then the texts themselves."""
    hashes = [set(grams_of([text], words=words, min_words=min_words).hashes.tolist()) for text in (left, right)]
    return bool(hashes[0] & hashes[1]) and shared_run(left, right, words=words)


@pytest.mark.parametrize(
    ("left", "right", "is_found"),
    [
        (LONG, LONG, True),
        (LONG, f"Look! {LONG.upper().replace(' ', ',  ')}", True),
        (LONG, f"{' '.join(LONG.split()[:13])} and more", True),
        (LONG, f"{' '.join(LONG.split()[:12])} and more", False),
        (LONG, " ".join(reversed(LONG.split())), False),
        ("a man rides a wave on a surfboard", "A man rides a wave, on a surfboard.", True),
        ("a man rides a wave on a surfboard", "a man rides a wave on a surfboard now", False),
        ("a man rides a wave", "a man rides a wave", False),
        (CHINESE, f"看{CHINESE[:26]}", True),
        (CHINESE, f"看{CHINESE[:25]}看", False),
        (THAI, f"ดู {THAI}", True),
        ("", "", False),
        ("!!!", "!!!", False),
    ],
)
def test_texts_share_a_run_or_are_equal_and_long_enough(left: str, right: str, is_found: bool):
    assert found(left, right) is is_found


def test_a_short_text_is_worth_less_than_a_run():
    assert is_short("a man rides", words=13)
    assert is_short(CHINESE[:25], words=13)
    assert not is_short(CHINESE[:26], words=13)
    assert not is_short(LONG, words=13)


WORDS = st.lists(st.sampled_from(["cat", "dog", "猫", "สุ", "sun", "und", "7"]), max_size=12)


@settings(max_examples=150, deadline=None)
@given(texts=st.lists(WORDS, min_size=2, max_size=5), words=st.integers(2, 4))
def test_hashes_find_exactly_the_texts_that_share_a_run(texts: list[list[str]], words: int):
    """Against the sets of runs themselves; and the same for all texts in one call as for each alone."""
    lines = [" ".join(text) for text in texts]
    together = grams_of(lines, words=words, min_words=1)
    for place, line in enumerate(lines):
        alone = np.sort(grams_of([line], words=words, min_words=1).hashes)
        assert np.array_equal(np.sort(together.hashes[together.text == place]), alone)
    for left in lines:
        for right in lines:
            hashes = [set(grams_of([text], words=words, min_words=1).hashes.tolist()) for text in (left, right)]
            is_word = not is_short(left, words=1) and not is_short(right, words=1)
            assert bool(hashes[0] & hashes[1]) is (is_word and shared_run(left, right, words=words))
