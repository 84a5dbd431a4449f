"""Views over more than one snapshot."""

import json
import shutil
from typing import Any

import pytest

from pipelines import storage
from pipelines.curation.curating import curate
from pipelines.curation.policy import load_policy
from pipelines.curation.views import View, open_view
from pipelines.errors import PolicyError
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.reading import read_members

DEFAULT = load_policy("default")


def curated(layout: Layout, *snapshots: Snapshot) -> View:
    report = curate(layout, snapshots, policy=DEFAULT, view="both")
    return open_view(layout, "both", report.digest)


@pytest.fixture
def pool(corpus: Any, made: Any) -> tuple[Layout, Snapshot, Snapshot]:
    """Two corpora with different things, but for one picture that both have."""
    layout, first = corpus(made.things(4), per_shard=3)
    others = [
        made.thing(name=f"other {n}", caption=f"other {n}", image=made.picture(100 + n), audio=made.clip(100 + n))
        for n in range(3)
    ]
    same = made.thing(name="same", group="thing 2", caption="number 2", image=made.picture(2), audio=made.clip(2))
    _, second = corpus([*others, same], {"other 1": {"is_blank": True}}, name="others", per_shard=2)
    return layout, first, second


def test_a_view_over_two_snapshots_judges_them_as_one_pool(pool: tuple[Layout, Snapshot, Snapshot]) -> None:
    layout, first, second = pool
    view = curated(layout, first, second)
    assert view.snapshots == (first, second)
    verdicts = view.verdicts().to_pylist()
    assert [(row["corpus"], row["shard"]) for row in verdicts] == [
        *(("things", shard) for shard in (0, 0, 0, 1)),
        *(("others", shard) for shard in (0, 0, 1, 1)),
    ]
    assert sorted(row["first_fault"] for row in verdicts if row["first_fault"]) == ["blank_image", "duplicate"]
    sizes = json.loads(storage.read_bytes(f"{view.uri}/sizes.json"))
    assert sum(sizes.values()) == 6
    assert sizes.keys() <= {f"{one}/{shard:08d}.tar" for one in (first, second) for shard in (0, 1)}


def test_the_table_says_which_tar_a_sample_lies_in(pool: tuple[Layout, Snapshot, Snapshot]) -> None:
    layout, first, second = pool
    rows = curated(layout, second, first).table().to_pylist()
    assert [row["corpus"] for row in rows] == sorted((row["corpus"] for row in rows), key=["others", "things"].index)
    for row in rows:
        tar = layout.tar(Snapshot(corpus=row["corpus"], snapshot=row["snapshot"]), row["shard"])
        (data,) = read_members(tar, [(row["image_offset"], row["image_size"])])
        assert data.startswith(b"\x89PNG")


def test_a_uid_that_came_with_an_earlier_snapshot_is_dropped_once(pool: tuple[Layout, Snapshot, Snapshot]) -> None:
    layout, first, _ = pool
    renamed = Snapshot(corpus="renamed", snapshot="one")
    shutil.copytree(layout.shards(first), layout.shards(renamed))
    for family in storage.names(f"{layout.root}/signals"):
        shutil.copytree(layout.signals(family, first), layout.signals(family, renamed))
    view = curated(layout, first, renamed)
    fates = [(row["corpus"], row["first_fault"]) for row in view.verdicts().to_pylist()]
    assert fates == [("things", None)] * 4 + [("renamed", "repeated_uid")] * 4
    assert [row["corpus"] for row in view.table().to_pylist()] == ["things"] * 4
    assert view.manifest["dropped_by_fault"]["repeated_uid"] == 4


def test_two_states_of_one_corpus_are_refused(pool: tuple[Layout, Snapshot, Snapshot]) -> None:
    layout, first, _ = pool
    with pytest.raises(PolicyError, match=r"things/one, things/two are states of one corpus"):
        curated(layout, first, Snapshot(corpus="things", snapshot="two"))
    with pytest.raises(PolicyError, match="no snapshot"):
        curated(layout)


def test_a_view_of_an_older_format_is_to_be_made_again(pool: tuple[Layout, Snapshot, Snapshot]) -> None:
    layout, first, _ = pool
    view = curated(layout, first)
    storage.write_json(f"{view.uri}/view.json", {**view.manifest, "schema_version": 1})
    with pytest.raises(PolicyError, match=r"written in version 1 of the format.*Curate it again"):
        open_view(layout, "both", view.digest)
