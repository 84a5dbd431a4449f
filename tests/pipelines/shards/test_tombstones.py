"""The ledger of what was withdrawn."""

import threading

import pyarrow as pa
import pytest

from pipelines import storage
from pipelines.errors import StorageError
from pipelines.layout import Layout
from pipelines.shards.tombstones import TOMBSTONES, add_tombstones, read_tombstones, remove_urls, withdrawn_uids

A, B = "a" * 32, "b" * 32


@pytest.fixture
def layout(tmp_path) -> Layout:
    return Layout(str(tmp_path / "root"))


def named(*uids: str, reason: str = "asked") -> pa.Table:
    return pa.table({"uid": list(uids), "url": [f"http://a/{uid[0]}" for uid in uids], "reason": [reason] * len(uids)})


def test_rows_are_added_and_none_is_taken_back(layout):
    assert read_tombstones(layout).num_rows == 0
    assert add_tombstones(layout, named(A)) == 1
    assert add_tombstones(layout, named(A, B, B, reason="again")) == 1
    rows = read_tombstones(layout).to_pylist()
    assert [(row["uid"], row["kind"], row["value"], row["reason"]) for row in rows] == [
        (A, "uid", A, "asked"),
        (B, "uid", B, "again"),
    ]
    assert read_tombstones(layout).schema == TOMBSTONES
    assert withdrawn_uids(layout) == {A, B}


def test_a_rule_names_no_sample_and_its_distance_tells_it_apart(layout):
    rule = {"kind": "phash", "value": "00ff00ff00ff00ff"}
    added = pa.Table.from_pylist([{**rule, "distance": 2}, {**rule, "distance": 4}, {"kind": "host", "value": "a.org"}])
    assert add_tombstones(layout, added) == 3
    assert withdrawn_uids(layout) == frozenset()
    assert read_tombstones(layout)["distance"].to_pylist() == [2, 4, 0]


def test_a_ledger_of_an_earlier_release_is_read_and_goes_on(layout):
    storage.write_table(layout.ledger("tombstones.parquet"), pa.table({"uid": [A], "seen_at": [1.5]}))
    assert add_tombstones(layout, named(A, B)) == 1
    assert read_tombstones(layout).select(["kind", "value", "seen_at"]).to_pylist() == [
        {"kind": "uid", "value": A, "seen_at": 1.5},
        {"kind": "uid", "value": B, "seen_at": None},
    ]


def test_what_was_erased_leaves_its_tombstone_without_the_url(layout):
    add_tombstones(layout, named(A, B))
    remove_urls(layout, frozenset({A}))
    assert read_tombstones(layout)["url"].to_pylist() == [None, "http://a/b"]
    assert withdrawn_uids(layout) == {A, B}


def test_two_that_write_at_once_lose_nothing(layout):
    uids = [f"{number:032x}" for number in range(40)]
    left = list(uids)

    def work() -> None:
        while left:
            uid = left.pop()
            while True:
                try:
                    add_tombstones(layout, named(uid))
                    break
                except StorageError:
                    continue

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert withdrawn_uids(layout) == set(uids)
