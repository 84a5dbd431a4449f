import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import SignalError
from pipelines.layout import Layout
from pipelines.signals.relating.entries import Matcher, entries_relation, read_entries
from pipelines.signals.relating.relations import Place, key_of, relate, relative_family
from pipelines.signals.relating.wording import own_entries


def published(entries: list[str], caption: str) -> list[int]:
    """Substring matching as the paper has it: spaces around marks, then every entry by `in`."""
    text = f" {caption} "
    for mark in ",.;:?!`":
        text = text.replace(mark, f" {mark} ")
    for space in "\t\n\r":
        text = text.replace(space, " ")
    return [number for number, entry in enumerate(entries) if f" {entry} " in text]


def test_an_entry_counts_where_it_stands_between_spaces_or_marks():
    matcher = Matcher(["dog", "hot dog", "cat", "New York"])
    assert matcher.find("A hot dog, in New York!") == [0, 1, 3]
    assert matcher.find("dogs and catfish") == []
    assert matcher.find("new york") == []
    assert Matcher(["New York"], ignore_case=True).find("new york") == [0]


WORDS = st.sampled_from(["a", "b", "ab", "a b", "b a", "c", ",", ".", "\t", "\n", "a.", "`b`", "\u00e4 b"])


@given(st.lists(st.text("abc ", min_size=1).map(str.strip).filter(bool), unique=True, min_size=1), st.lists(WORDS))
def test_all_entries_at_once_are_what_one_after_the_other_finds(entries, words):
    for caption in (" ".join(words), "".join(words)):
        assert Matcher(entries).find(caption) == published(entries, caption)


def test_a_list_is_json_or_one_entry_a_line(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(["red", "blue sky"]), encoding="utf-8")
    (tmp_path / "a.txt").write_text("red\nblue sky\n", encoding="utf-8")
    assert read_entries(str(tmp_path / "a.json")) == read_entries(str(tmp_path / "a.txt")) == ["red", "blue sky"]
    relations = [entries_relation(str(tmp_path / name)) for name in ("a.json", "a.txt")]
    assert len({key_of("entries", relation.facts) for relation in relations}) == 1


@pytest.mark.parametrize("text", ["", "red\n\nblue", "red\nred", "[1, "])
def test_a_list_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    with pytest.raises(SignalError, match=r"a\.txt"):
        read_entries(str(tmp_path / "a.txt"))


def test_a_snapshot_is_matched_once_and_a_missing_caption_is_null(tiny_snapshot, tmp_path):
    layout, snapshot = tiny_snapshot
    entries = own_entries(layout, [snapshot], min_count=1)
    (tmp_path / "own.json").write_text(json.dumps(entries), encoding="utf-8")
    relation = entries_relation(str(tmp_path / "own.json"))
    first = relate(layout, snapshot, relation)
    again = relate(layout, snapshot, relation)
    assert (first.num_shards_measured, again.num_shards_measured) == (3, 0)
    assert (first.key, first.digest) == (again.key, again.digest)
    assert relative_family(first.key).name == "entries"
    samples = pa.table({"caption": ["", None, entries[0]]})
    place = Place(layout=Layout("x"), snapshot=snapshot, shard=0)
    assert relation.measure(place, samples)["matched_entries"].to_pylist() == [None, None, [0]]


def test_own_entries_are_the_tags_and_words_that_enough_captions_have(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    every = own_entries(layout, [snapshot], min_count=1)
    some = own_entries(layout, [snapshot], min_count=2)
    assert set(some) < set(every)
    assert every[: len(some)] == some
    with pytest.raises(SignalError, match="min-count"):
        own_entries(layout, [snapshot], min_count=10_000)


def test_a_key_that_is_none_is_refused():
    with pytest.raises(SignalError, match="expected entries@"):
        relative_family("entries@short")
