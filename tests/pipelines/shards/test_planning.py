from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import ShardError, SourceError
from pipelines.layout import Layout
from pipelines.samples import Reference, Snapshot
from pipelines.shards.planning import make_plan, read_plan, repeated_rows, write_plan

SNAPSHOT = Snapshot(corpus="c", snapshot="s")


def references(names: list[str]) -> list[Reference]:
    return [Reference(row=row, name=name, group=name) for row, name in enumerate(names)]


@given(st.integers(1, 300), st.integers(1, 40))
def test_every_reference_is_in_one_shard(count: int, per_shard: int):
    plan = make_plan(SNAPSHOT, references(["x"] * count), samples_per_shard=per_shard, facts={})
    rows = [row for shard in range(plan.num_shards) for row in plan.rows(shard)]
    assert rows == list(range(count))
    assert all(1 <= len(plan.rows(shard)) <= per_shard for shard in range(plan.num_shards))


@given(st.lists(st.sampled_from("abcd"), max_size=12))
def test_the_first_of_equal_names_counts(names: list[str]):
    repeated = repeated_rows(references(names))
    kept = [name for row, name in enumerate(names) if row not in repeated]
    assert kept == list(dict.fromkeys(names))


def test_a_plan_is_read_back_and_tells_another_listing(tmp_path):
    layout = Layout(str(tmp_path))
    plan = make_plan(SNAPSHOT, references(["a", "b\udcff"]), samples_per_shard=1, facts={"license": "x"})
    write_plan(layout, plan)
    assert read_plan(layout, SNAPSHOT) == plan
    assert read_plan(layout, replace(SNAPSHOT, snapshot="other")) is None
    other = make_plan(SNAPSHOT, references(["a", "c"]), samples_per_shard=1, facts={})
    assert other.references_sha256 != plan.references_sha256


def test_an_empty_listing_is_refused():
    with pytest.raises(SourceError, match="lists no record"):
        make_plan(SNAPSHOT, [], samples_per_shard=1, facts={})


@pytest.mark.parametrize("content", ["{", "{}", '{"foreign": 1}'])
def test_a_damaged_plan_says_what_to_do(tmp_path, content: str):
    layout = Layout(str(tmp_path))
    path = tmp_path / "shards" / "c" / "s"
    path.mkdir(parents=True)
    (path / "_plan.json").write_text(content)
    with pytest.raises(ShardError, match="pack again"):
        read_plan(layout, SNAPSHOT)
