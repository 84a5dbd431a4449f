import io
import json
from typing import Any

import numpy as np
import pytest

from pipelines import storage
from pipelines.curation.curating import ViewReport, curate
from pipelines.curation.policy import load_policy
from pipelines.curation.views import find_view, open_view, stored_digests
from pipelines.errors import PolicyError
from pipelines.layout import Layout


@pytest.fixture
def view(corpus: Any, made: Any) -> tuple[Layout, ViewReport]:
    layout, snapshot = corpus(made.things(7), {"thing 3": {"is_blank": True}}, per_shard=3)
    return layout, curate(layout, [snapshot], policy=load_policy("default"), view="main")


def test_a_view_holds_its_question_and_its_answer(view: tuple[Layout, ViewReport]) -> None:
    layout, report = view
    stored = open_view(layout, "main", report.digest)
    assert storage.read_bytes(f"{report.uri}/policy.sql").decode() == load_policy("default").sql
    assert storage.read_json(f"{report.uri}/params.json") == load_policy("default").params
    assert [str(one) for one in stored.snapshots] == ["things/one"]
    assert stored.faults[:2] == ("tombstoned", "not_measured")
    assert stored.manifest["inputs"]["signals"].keys() == {"image@2", "text@2", "audio@1", "fingerprints@2"}


def test_other_readers_find_the_kept_uids_sorted_and_the_sizes_of_shards(view: tuple[Layout, ViewReport]) -> None:
    layout, report = view
    kept = open_view(layout, "main", report.digest).table(["uid"])["uid"].to_pylist()
    subset = np.load(io.BytesIO(storage.read_bytes(f"{report.uri}/uids.npy")))
    assert subset.dtype == np.dtype("u8,u8")
    assert [f"{int(first):016x}{int(second):016x}" for first, second in subset] == sorted(kept)
    sizes = json.loads(storage.read_bytes(f"{report.uri}/sizes.json"))
    assert sizes == {"00000000.tar": 3, "00000001.tar": 2, "00000002.tar": 1}


def test_a_view_that_is_not_there_is_an_error_that_lists_what_is(view: tuple[Layout, ViewReport]) -> None:
    layout, report = view
    with pytest.raises(PolicyError, match=f"Stored: {report.digest[:12]}"):
        open_view(layout, "main", "0" * 64)
    with pytest.raises(PolicyError, match="Stored: none"):
        open_view(layout, "other", report.digest)
    with pytest.raises(PolicyError, match="not a name"):
        open_view(layout, "../main", report.digest)


def test_a_view_is_found_by_the_beginning_of_its_digest_where_that_is_clear(view: tuple[Layout, ViewReport]) -> None:
    layout, report = view
    assert find_view(layout, "main").digest == report.digest
    assert find_view(layout, f"main/{report.digest[:6]}").digest == report.digest
    snapshots = find_view(layout, "main").snapshots
    other = curate(layout, snapshots, policy=load_policy("default"), view="main", params={"max_aspect": 2})
    assert stored_digests(layout, "main") == sorted([report.digest, other.digest])
    assert find_view(layout, "main").digest == other.digest  # the last that was curated
    storage.remove(layout.current_view("main"))
    with pytest.raises(PolicyError, match="2 stored views are meant"):
        find_view(layout, "main")
