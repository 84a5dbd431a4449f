"""What takes effect when something is withdrawn: in every stored view, at once, and nothing else is lost."""

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines import storage
from pipelines.curation.curating import curate
from pipelines.curation.diffing import diff
from pipelines.curation.policy import load_policy
from pipelines.curation.views import View, open_view
from pipelines.curation.withdrawing import WITHDRAWN, withdrawn
from pipelines.samples import Download
from pipelines.shards.downloads import ledger
from pipelines.shards.reading import read_sidecars
from pipelines.shards.tombstones import add_tombstones

HOSTS = (
    "https://pics.example.org/a.png",
    "http://EXAMPLE.org:81/b?u=http://other.net/",
    "https://notexample.org/c",
    "",
)


@pytest.fixture
def view(corpus: Any, made: Any) -> View:
    things = [
        made.thing(name=f"thing {n}", caption=f"number {n}", image=made.picture(n), url=HOSTS[n % 4]) for n in range(12)
    ]
    layout, snapshot = corpus(things, {"thing 3": {"is_blank": True}}, per_shard=5)
    report = curate(layout, [snapshot], policy=load_policy("default"), view="main")
    return open_view(layout, "main", report.digest)


def rows(view: View) -> list[dict[str, Any]]:
    return read_sidecars(view.layout, view.snapshots[0]).to_pylist()


def withdraw(view: View, *wishes: dict[str, object]) -> None:
    add_tombstones(view.layout, pa.Table.from_pylist(list(wishes)))


def uids_of(view: View) -> list[str]:
    return view.table(["uid"])["uid"].to_pylist()


def test_without_tombstones_nothing_is_withdrawn(view: View):
    assert withdrawn(view.layout, view.snapshots).equals(WITHDRAWN.empty_table())
    assert view.withdrawn().num_rows == 0
    assert view.effective_digest == view.digest


def test_a_host_takes_its_own_samples_and_those_below_it_and_no_other(view: View):
    withdraw(view, {"kind": "host", "value": "example.org", "reason": "asked"})
    found = withdrawn(view.layout, view.snapshots).to_pylist()
    urls = {row["uid"]: row["url"] for row in rows(view)}
    assert sorted(urls[row["uid"]] for row in found) == sorted([HOSTS[0], HOSTS[1]] * 3)
    assert {(row["kind"], row["value"], row["reason"]) for row in found} == {("host", "example.org", "asked")}
    assert sorted({row["shard"] for row in found}) == [0, 1]


def test_a_host_takes_what_came_from_it_after_redirects(view: View):
    layout, (snapshot,) = view.layout, view.snapshots
    asked = Download(url="https://notexample.org/c", outcome="fetched", final_url="https://cdn.example.net/x")
    failed = Download(url="https://example.net/y", outcome="not_found")
    storage.write_table(layout.downloads(snapshot, 0), ledger([(2, asked), (3, failed)]))
    withdraw(view, {"kind": "host", "value": "example.net"})
    assert withdrawn(layout, [snapshot])["uid"].to_pylist() == [rows(view)[2]["uid"]]


def test_a_digest_takes_every_sample_that_holds_the_medium(view: View):
    withdraw(view, {"kind": "sha256", "value": rows(view)[4]["image_sha256"]})
    assert withdrawn(view.layout, view.snapshots)["uid"].to_pylist() == [rows(view)[4]["uid"]]


def test_a_perceptual_hash_takes_pictures_within_its_distance(view: View):
    layout, (snapshot,) = view.layout, view.snapshots
    hashes = storage.read_table(layout.signal("fingerprints@2", snapshot, 0), ["uid", "image_phash"]).to_pylist()
    near = f"{hashes[1]['image_phash'] ^ 0b101:016x}"
    withdraw(view, {"kind": "phash", "value": near, "distance": 1})
    assert withdrawn(layout, [snapshot]).num_rows == 0
    withdraw(view, {"kind": "phash", "value": near, "distance": 2})
    assert withdrawn(layout, [snapshot])["uid"].to_pylist() == [hashes[1]["uid"]]


def test_a_sample_that_several_tombstones_take_is_there_once_with_the_first(view: View):
    row = rows(view)[0]
    withdraw(view, {"kind": "sha256", "value": row["sha256"], "reason": "first"}, {"uid": row["uid"]})
    found = withdrawn(view.layout, view.snapshots).to_pylist()
    assert [(one["uid"], one["reason"]) for one in found] == [(row["uid"], "first")]


def test_a_withdrawn_sample_leaves_a_stored_view_and_its_digest_stays(view: View):
    before = uids_of(view)
    withdraw(view, {"uid": before[2]})
    again = open_view(view.layout, "main", view.digest)
    assert uids_of(again) == before[:2] + before[3:]
    assert (again.digest, again.manifest) == (view.digest, view.manifest)
    verdict = next(row for row in again.verdicts().to_pylist() if row["uid"] == before[2])
    assert (verdict["kept"], verdict["first_fault"], verdict["faults"]) == (False, "tombstoned", 1)
    assert again.verdicts(["kept", "split"]).column_names == ["kept", "split"]
    assert again.verdicts(["kept"])["kept"].to_pylist().count(True) == len(before) - 1
    assert again.decided(["kept"])["kept"].to_pylist().count(True) == len(before)


def test_the_effective_digest_names_what_is_left(view: View):
    first, second = uids_of(view)[:2]
    dropped = next(row["uid"] for row in view.decided().to_pylist() if not row["kept"])
    withdraw(view, {"uid": dropped}, {"uid": "f" * 32})
    assert view.effective_digest == view.digest
    withdraw(view, {"uid": first})
    once = view.effective_digest
    withdraw(view, {"uid": second})
    assert len({view.digest, once, view.effective_digest}) == 3


def test_a_diff_says_what_was_withdrawn_since(view: View):
    before = uids_of(view)
    withdraw(view, {"uid": before[0]})
    report = curate(view.layout, view.snapshots, policy=load_policy("default"), view="main")
    assert report.digest != view.digest
    new = open_view(view.layout, "main", report.digest)
    assert uids_of(new) == before[1:]
    assert new.effective_digest == new.digest
    found = diff(view, new)
    assert found.num_withdrawn == (1, 0)
    assert (found.by("removed", "cause"), found.by("added", "cause")) == ({"tombstoned": 1}, {})


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_reader_yields_what_was_forgotten_and_nothing_else_is_lost(view: View, data: st.DataObject):
    records = [row for row in rows(view) if row["uid"]]
    chosen = data.draw(st.lists(st.sampled_from(records), max_size=4, unique_by=lambda row: row["uid"]))
    kinds = data.draw(st.lists(st.sampled_from(["uid", "sha256"]), min_size=len(chosen), max_size=len(chosen)))
    storage.remove(view.layout.ledger("tombstones.parquet"))
    kept = set(uids_of(view))
    wishes = [
        {"kind": kind, "value": row[kind], "uid": row["uid"] if kind == "uid" else None}
        for kind, row in zip(kinds, chosen, strict=True)
    ]
    withdraw(view, *wishes) if wishes else None
    gone = {row["uid"] for row in chosen}
    assert set(uids_of(view)) == kept - gone
    assert set(withdrawn(view.layout, view.snapshots)["uid"].to_pylist()) == gone
    left = view.verdicts(["uid", "kept"]).to_pylist()
    assert {row["uid"] for row in left if row["kept"]} == kept - gone
    assert len(left) == len(records)
