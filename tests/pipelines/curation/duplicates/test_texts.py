from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.curation.duplicates.settings import NearText
from pipelines.curation.duplicates.texts import MAX_RUN, similar_sketches
from pipelines.curation.duplicates.workspace import Workspace
from pipelines.layout import Layout
from pipelines.signals.fingerprints import NUM_MINHASHES, hash_texts
from tests.pipelines.curation.duplicates.pools import find_in

LONG = "the quick brown fox jumps over the lazy dog while a slow green turtle watches them from the river bank"


def sample(uid: str, caption: str, **given: Any) -> dict[str, Any]:
    sketch = hash_texts([caption])["text_minhash"][0]
    return {"uid": uid, "group": uid, "language": "en", "caption": caption, "text_minhash": sketch, **given}


def ranks(*rows: dict[str, Any], kind: NearText | None = None) -> dict[str, int]:
    return {row["uid"]: row["rank"] for row in find_in(rows, kind or NearText())}


def test_a_long_text_told_again_with_small_changes_is_a_duplicate_and_the_longest_is_the_best() -> None:
    found = find_in([sample("a", LONG), sample("b", LONG.upper() + "."), sample("c", LONG + "s")], NearText())
    assert {row["component"] for row in found} == {found[0]["uid"]}
    assert sorted(row["rank"] for row in found) == [0, 1, 2]
    assert all(0.9 <= row["similarity"] <= 1 for row in found)


def test_equal_short_captions_are_not_duplicates() -> None:
    assert ranks(sample("a", "a dog on a beach"), sample("b", "a dog on a beach")) == {}


def test_a_long_text_under_two_pictures_is_a_duplicate() -> None:
    assert ranks(sample("a", LONG, image_sha256="i"), sample("b", LONG, image_sha256="j")) == {"a": 0, "b": 1}


def test_clips_of_one_group_that_say_one_long_text_are_not_duplicates_of_each_other() -> None:
    assert ranks(*(sample(uid, LONG, group="g", audio_sha256=uid) for uid in "abc")) == {}


def test_other_texts_are_left_alone() -> None:
    other = "every good boy deserves fruit and an hour of rest after the long walk home through the snow"
    assert ranks(sample("a", LONG), sample("b", other)) == {}


def test_a_script_without_spaces_has_words_too() -> None:
    text = "春眠不覚暁処処聞啼鳥夜来風雨声花落知多少国破山河在城春草木深"
    assert ranks(sample("a", text), sample("b", text)) == {"a": 0, "b": 1}


@pytest.mark.parametrize("min_similarity", [0.5, 0.8, 0.9, 1.0])
def test_no_pair_above_the_threshold_is_missed(min_similarity: float, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    base = rng.integers(0, 1 << 32, (40, NUM_MINHASHES), dtype=np.uint32)
    sketches = np.repeat(base, 5, axis=0)
    changed = rng.random(sketches.shape) < rng.choice([0, 0.05, 0.15, 0.4], len(sketches))[:, None]
    sketches[changed] = rng.integers(0, 1 << 32, changed.sum(), dtype=np.uint32)
    alike = (sketches[:, None] == sketches[None]).sum(axis=2) >= ceil(min_similarity * NUM_MINHASHES)
    distinct = (sketches[:, None] != sketches[None]).any(axis=2)
    expected = {(int(i), int(j)) for i, j in zip(*np.nonzero(np.triu(alike & distinct, 1)), strict=True)}
    workspace = Workspace(tmp_path, Layout(str(tmp_path)), ())
    links = {(int(i), int(j)) for ends in similar_sketches(sketches, min_similarity, workspace)
             for i, j in zip(*ends, strict=True)}  # fmt: skip
    workspace.close()
    firsts = {int(np.flatnonzero((sketches == row).all(axis=1))[0]) for row in sketches}
    assert {pair for pair in expected if set(pair) <= firsts} <= links
    assert all(alike[pair] for pair in links)


def test_a_template_under_very_many_pictures_takes_few_links(tmp_path: Path) -> None:
    number = 5 * MAX_RUN
    sketches = np.zeros((number, NUM_MINHASHES), dtype=np.uint32)
    sketches[:, 0] = np.arange(number)
    workspace = Workspace(tmp_path, Layout(str(tmp_path)), ())
    links = sum(len(first) for first, _ in similar_sketches(sketches, 0.9, workspace))
    workspace.close()
    assert number < links < 7 * number * (MAX_RUN + 40)
