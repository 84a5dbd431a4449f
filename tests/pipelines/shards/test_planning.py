import tempfile
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import ShardError, SourceError
from pipelines.layout import Layout
from pipelines.samples import Reference, Snapshot
from pipelines.shards.planning import Limits, Plan, cut, make_plan, read_plan, write_plan
from pipelines.shards.repeats import Repeats, find_repeats

SNAPSHOT = Snapshot(corpus="c", snapshot="s")


def references(names: list[str]) -> list[Reference]:
    return [Reference(row=row, name=name, group=name) for row, name in enumerate(names)]


def plan_of(listed: list[Reference], per_shard: int = 1000, target_bytes: int = 1 << 30, **facts: str) -> Plan:
    limits = Limits(samples_per_shard=per_shard, target_bytes=target_bytes)
    return make_plan(SNAPSHOT, iter(listed), limits=limits, facts=facts)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=200), st.integers(1, 40), st.integers(1, 100))
def test_every_reference_is_in_one_shard_and_no_shard_exceeds_its_limits(sizes: list[int], per_shard: int, target: int):
    listed = [Reference(row=row, name=str(row), group="", num_bytes=size) for row, size in enumerate(sizes)]
    shards = list(cut(listed, Limits(samples_per_shard=per_shard, target_bytes=target)))
    assert [one for shard in shards for one in shard] == listed
    for shard in shards:
        assert 1 <= len(shard) <= per_shard
        assert len(shard) == 1 or sum(one.num_bytes for one in shard) <= target


@given(st.integers(1, 60), st.integers(0, 30), st.integers(1, 20))
def test_what_is_appended_changes_no_shard_but_the_last(count: int, more: int, per_shard: int):
    before = plan_of(references([str(row) for row in range(count)]), per_shard)
    after = plan_of(references([str(row) for row in range(count + more)]), per_shard)
    assert after.shards[: len(before.shards) - 1] == before.shards[:-1]


@pytest.mark.parametrize("change", [{"name": "x"}, {"group": "x"}, {"version": "x"}, {"row": 7}])
def test_a_change_that_the_listing_sees_is_another_shard(change: dict[str, object]):
    one = Reference(row=0, name="a", group="a")
    assert plan_of([one]).shards != plan_of([replace(one, **change)]).shards


@given(st.lists(st.sampled_from("abcd"), max_size=12), st.integers(1, 4))
def test_the_first_of_equal_names_counts(names: list[str], max_buffered: int):
    with find_repeats(references(names), max_buffered=max_buffered) as finding:
        listed = list(finding)
        is_repeat = Repeats(finding.repeats())
    assert [one.name for one in listed if not is_repeat(one)] == list(dict.fromkeys(names))


def test_names_beyond_the_buffer_go_to_disk_and_leave_nothing_there(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with find_repeats(references([str(row % 5000) for row in range(10_000)]), max_buffered=8) as finding:
        assert sum(1 for _ in finding) == 10_000
        assert list(tmp_path.iterdir())
        assert len(finding.repeats()) == 5000
    assert not list(tmp_path.iterdir())


def test_a_plan_is_read_back_and_tells_another_listing(tmp_path):
    layout = Layout(str(tmp_path))
    plan = plan_of(references(["a", "b\udcff"]), 1, license="x")
    write_plan(layout, plan)
    assert read_plan(layout, SNAPSHOT) == plan
    assert read_plan(layout, replace(SNAPSHOT, snapshot="other")) is None
    other = plan_of(references(["a", "c"]), 1)
    assert other.references_sha256 != plan.references_sha256


def test_an_empty_listing_is_refused():
    with pytest.raises(SourceError, match="lists no record"):
        plan_of([])


@pytest.mark.parametrize("content", ["{", "{}", '{"foreign": 1}'])
def test_a_damaged_plan_says_what_to_do(tmp_path, content: str):
    layout = Layout(str(tmp_path))
    path = tmp_path / "shards" / "c" / "s"
    path.mkdir(parents=True)
    (path / "_plan.json").write_text(content)
    with pytest.raises(ShardError, match="pack again"):
        read_plan(layout, SNAPSHOT)
