"""Why records failed, in few words."""

from pathlib import Path

import pytest

from pipelines.shards import failing
from pipelines.shards.failing import common_reasons, kind_of
from pipelines.shards.lasting import lasting_rows
from tests.pipelines.shards.test_retrying import SNAPSHOT, Run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


@pytest.mark.parametrize(
    ("message", "reference", "kind"),
    [
        ("a/b.png: image of 1,234 bytes does not decode", "a/b.png", "image of N bytes does not decode"),
        ("http://x.y/a.jpg?b=1: not_found, HTTP 404", "table#7", "not_found, HTTP 404"),
        ("12x40000 pixels, expected at most 5.5", "z", "N pixels, expected at most N"),
        ("cut short in chunk b'IDAT' at 0xff12", "z", "cut short in chunk b'...' at N"),
        ("HTTP 503 after 3 tries", "z", "HTTP 503 after N tries"),
        ("sha256 and utf8 stay", "z", "sha256 and utf8 stay"),
        ("", "z", ""),
    ],
)
def test_messages_that_differ_in_names_and_numbers_are_one_kind(message: str, reference: str, kind: str):
    assert kind_of(message, reference) == kind


def test_the_status_of_http_is_part_of_a_kind():
    assert kind_of("no picture", "a", 404) == "no picture (HTTP 404)"


def test_reasons_come_by_frequency_with_their_first_record(run: Run):
    run.pack(a="gone", c="gone", i="gone", j="away")
    first, second = common_reasons(run.layout, SNAPSHOT)
    assert (first.status, first.message, first.num_records, first.reference) == (
        "failed_to_download",
        "HTTP 404",
        3,
        "a",
    )
    assert (second.message, second.num_records, second.example) == ("HTTP 503", 1, "HTTP 503")
    assert len(common_reasons(run.layout, SNAPSHOT, at_most=1)) == 1
    assert str(first) == "3 x failed_to_download: HTTP 404 (such as a)"


def test_of_a_record_tried_again_only_the_end_counts(run: Run):
    run.pack(a="away", b="away")
    run.pack(a="gone")
    (reason,) = common_reasons(run.layout, SNAPSHOT)
    assert (reason.message, reason.num_records) == ("HTTP 404", 1)
    rows = [row for _, table in lasting_rows(run.layout, SNAPSHOT, ["status"]) for row in table.to_pylist()]
    assert sorted(row["source_row"] for row in rows) == list(range(10))
    assert sum(row["status"] == "success" for row in rows) == 9


def test_shards_without_failures_are_not_read(run: Run):
    run.pack(a="gone")
    read = [shard for shard, _ in lasting_rows(run.layout, SNAPSHOT, ["status"], wanted=failing._has_failures)]
    assert read == [0]


def test_a_snapshot_in_which_every_message_is_its_own_kind_needs_no_endless_memory(
    run: Run, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(failing, "_MAX_KINDS", 1)
    run.pack(a="gone", b="gone", i="away")
    reasons = common_reasons(run.layout, SNAPSHOT)
    assert len(reasons) <= 1
