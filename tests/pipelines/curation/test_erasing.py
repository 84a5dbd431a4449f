"""`pack --erase`: what was forgotten leaves the tars and everything made of them; nothing else changes."""

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from fsspec.implementations.local import LocalFileSystem

from pipelines import storage
from pipelines.__main__ import main
from pipelines.curation.curating import curate
from pipelines.curation.erasing import EraseReport, erase, pending_erasures
from pipelines.curation.policy import parse_policy
from pipelines.curation.restoring import restore
from pipelines.curation.views import View, open_view
from pipelines.layout import Layout
from pipelines.reporting.storing import write_card
from pipelines.samples import Download, Snapshot
from pipelines.shards.downloads import ledger
from pipelines.shards.finding import find
from pipelines.shards.packing import PackingConfig, pack
from pipelines.shards.reading import read_raw, read_sidecars
from pipelines.shards.snapshots import read_stats
from pipelines.shards.tombstones import add_tombstones, read_tombstones
from pipelines.shards.verifying import verify
from pipelines.signals import measuring
from pipelines.signals.measuring import measure, read_signals
from pipelines.sources.folder import open_folder

ALL = parse_policy("all", "select uid, width < 0 as odd from samples")
FAMILIES = ["image", "fingerprints", "text"]


@pytest.fixture
def view(tiny_snapshot: tuple[Layout, Snapshot]) -> View:
    layout, snapshot = tiny_snapshot
    measure(layout, snapshot, num_workers=1, families=FAMILIES)
    return open_view(layout, "main", curate(layout, [snapshot], policy=ALL, view="main").digest)


def samples(view: View) -> dict[str, dict[str, bytes]]:
    (snapshot,) = view.snapshots
    return {uid: members for shard in range(3) for uid, members in read_raw(view.layout, snapshot, shard)}


def forget(view: View, *uids: str) -> None:
    add_tombstones(view.layout, pa.table({"uid": list(uids), "url": ["http://a/secret"] * len(uids)}))


def problems(view: View) -> tuple[str, ...]:
    return verify(view.layout, view.snapshots[0]).problems


def content(root: str, *, without: tuple[str, ...] = ("cache", "card")) -> dict[str, bytes]:
    files = (path for path in sorted(Path(root).rglob("*")) if path.is_file() and path.name != ".lock")
    found = {str(path.relative_to(root)): path.read_bytes() for path in files}
    kept = {name: data for name, data in found.items() if not any(word in name for word in without)}
    return {name: _timeless(name, data) for name, data in kept.items()}


def _timeless(name: str, data: bytes) -> bytes:
    if not name.endswith("_stats.json"):
        return data
    stats = json.loads(data)
    return json.dumps({key: value for key, value in stats.items() if "time" not in key and key != "duration"}).encode()


def test_a_withdrawn_sample_leaves_the_tar_and_the_others_stay_byte_for_byte(view: View):
    before = samples(view)
    uid = list(before)[6]
    forget(view, uid)
    report = erase(view.layout)
    assert (report.num_samples, report.num_shards) == (1, 1)
    after = samples(view)
    assert after == {name: members for name, members in before.items() if name != uid}
    assert problems(view) == ()
    data = b"".join(content(view.layout.root, without=()).values())
    assert all(member not in data for name, member in before[uid].items() if name in ("json", "flac"))


def test_only_the_tars_that_hold_it_are_written(view: View):
    layout, (snapshot,) = view.layout, view.snapshots
    forget(view, next(iter(samples(view))))
    before = content(layout.root)
    (changed,) = erase(layout).shards
    after = content(layout.root)
    written = {name for name in before if before[name] != after.get(name)}
    besides = {name for name in written if "/00000000" not in name}
    assert changed == f"{snapshot}/00000000"
    assert all(name.startswith(("views/", "ledger/")) or name.endswith("_measured.json") for name in besides)
    assert set(after) == set(before)


def test_the_row_says_withdrawn_and_nothing_of_what_it_was(view: View):
    layout, (snapshot,) = view.layout, view.snapshots
    uid = list(samples(view))[3]
    row = next(row for row in read_sidecars(layout, snapshot).to_pylist() if row["uid"] == uid)
    forget(view, uid)
    erase(layout)
    left = next(one for one in read_sidecars(layout, snapshot).to_pylist() if one["uid"] == uid)
    known = {name for name, value in left.items() if value is not None}
    assert known == {"uid", "key", "source_row", "status", "error_message", "transient", "shard"}
    assert (left["status"], left["source_row"], left["transient"]) == ("withdrawn", row["source_row"], False)
    stats = read_stats(layout, snapshot, 0)
    assert (stats["count"], stats["successes"], stats["status_dict"]) == (5, 4, {"success": 4, "withdrawn": 1})
    assert sum(stats["n_by_parts"].values()) == sum(stats["n_by_language"].values()) == 4
    assert find(layout, "uid", uid).matches[0]["status"] == "withdrawn"
    assert read_tombstones(layout)["url"].to_pylist() == [None]


def test_signals_lose_the_row_and_nothing_is_measured_again(view: View, monkeypatch: pytest.MonkeyPatch):
    layout, (snapshot,) = view.layout, view.snapshots
    before = read_signals(layout, snapshot, FAMILIES)
    uid = before["uid"][7].as_py()
    forget(view, uid)
    report = erase(layout)
    assert report.num_signal_files == len(FAMILIES)
    assert read_signals(layout, snapshot, FAMILIES).equals(before.filter(pc.field("uid") != uid))
    monkeypatch.setattr(measuring, "measure_shard", None)
    again = measure(layout, snapshot, num_workers=1, families=FAMILIES)
    assert {name: family.num_shards_measured for name, family in again.families.items()} == dict.fromkeys(FAMILIES, 0)


def test_the_old_view_opens_and_says_what_is_left(view: View):
    uids = view.table(["uid"])["uid"].to_pylist()
    forget(view, uids[2])
    before = view.effective_digest
    erase(view.layout)
    again = open_view(view.layout, "main", view.digest)
    assert again.table(["uid"])["uid"].to_pylist() == uids[:2] + uids[3:]
    assert again.effective_digest == before
    restored = restore(view.layout, f"main/{view.digest}")
    assert (restored.num_withdrawn, restored.written) == (1, [])
    assert any("shards" in change for change in restored.changed)
    new = curate(view.layout, view.snapshots, policy=ALL, view="main")
    assert (new.num_samples, new.num_kept) == (len(uids) - 1, len(uids) - 1)


def test_a_rule_leaves_a_tombstone_for_each_sample_it_took(view: View):
    layout, (snapshot,) = view.layout, view.snapshots
    row = read_sidecars(layout, snapshot).to_pylist()[4]
    add_tombstones(layout, pa.table({"kind": ["sha256"], "value": [row["image_sha256"]], "reason": ["asked"]}))
    gone = view.withdrawn()
    digest = view.effective_digest
    assert erase(layout).num_samples == len(gone) == 2
    assert view.withdrawn().equals(gone)
    assert view.effective_digest == digest
    rows = read_tombstones(layout).to_pylist()
    assert {one["uid"] for one in rows if one["uid"]} == set(gone["uid"].to_pylist())
    assert erase(layout).num_shards == 0


def test_caches_are_removed_and_cards_made_again_without_it(view: View):
    layout = view.layout
    storage.write_atomic(layout.cache("decoded/x/array.npy"), b"pixels")
    erase(layout)
    assert storage.exists(layout.cache("decoded/x/array.npy"))
    write_card(view)
    card = storage.read_bytes(f"{view.uri}/card.html").decode()
    captions = {row["uid"]: row["caption"] for row in read_sidecars(layout, view.snapshots[0]).to_pylist()}
    words = ("voiture", "bateau", "chien", "pomme")
    uid, shown = next((uid, word) for uid, word in captions.items() if word in words and word in card)
    forget(view, uid)
    report = erase(layout)
    assert report.removed == (layout.cache("").rstrip("/"),)
    assert report.renewed == (f"{view.uri}/card.html",)
    assert not storage.exists(layout.cache("decoded"))
    assert shown not in storage.read_bytes(f"{view.uri}/card.html").decode()


def test_ledgers_lose_the_urls_of_the_sample_alone(view: View):
    layout, (snapshot,) = view.layout, view.snapshots
    rows = read_sidecars(layout, snapshot).to_pylist()[:2]
    asked = [(row["source_row"], Download(url=f"http://a/{n}", outcome="fetched")) for n, row in enumerate(rows)]
    storage.write_table(layout.downloads(snapshot, 0), ledger(asked))
    later = layout.ledger(f"consent/{snapshot}/later.parquet")
    storage.write_table(later, ledger([(None, download) for _, download in asked]))
    forget(view, rows[0]["uid"])
    erase(layout)
    for uri in (layout.downloads(snapshot, 0), later):
        assert storage.read_table(uri)["url"].to_pylist() == ["http://a/1"]


def test_packing_again_brings_nothing_back(view: View, tiny_corpus: Path):
    uid = next(iter(samples(view)))
    forget(view, uid)
    erase(view.layout)
    source = open_folder(tiny_corpus, corpus="tiny", languages=("en", "fr"))
    report = pack(source, layout=view.layout, config=PackingConfig(samples_per_shard=5, num_workers=1))
    assert (report.num_samples, report.num_shards_written) == (11, 0)
    assert uid not in samples(view)


def test_a_shard_without_any_sample_left_is_still_a_shard(view: View):
    gone = list(samples(view))[10:]
    forget(view, *gone)
    assert erase(view.layout).num_samples == len(gone) == 2
    assert problems(view) == ()
    assert len(samples(view)) == 10


def test_snapshots_that_share_a_shard_both_lose_the_sample_and_still_share(view: View, tiny_corpus: Path):
    layout, (first,) = view.layout, view.snapshots
    (tiny_corpus / "vehicles" / "zeppelin.png").write_bytes((tiny_corpus / "vehicles" / "car.png").read_bytes())
    source = open_folder(tiny_corpus, corpus="tiny", languages=("en", "fr"))
    second = pack(source, layout=layout, config=PackingConfig(samples_per_shard=5, num_workers=1)).snapshot
    assert Path(layout.tar(first, 0)).samefile(layout.tar(second, 0))
    forget(view, next(iter(samples(view))))
    assert erase(layout).shards == tuple(sorted(f"{one}/00000000" for one in (first, second)))
    assert Path(layout.tar(first, 0)).samefile(layout.tar(second, 0))
    assert all(verify(layout, one).problems == () for one in (first, second))


class Killed(BaseException):
    """Stands for a signal between two changes of the disk."""


def dying(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """The process ends before change number `after` of the disk: a file that gets its name, or one that is removed."""
    left = [after]

    def counted(change: Any) -> Any:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return change(*args, **kwargs)

        return wrapped

    monkeypatch.setattr(Path, "replace", counted(Path.replace))
    monkeypatch.setattr(LocalFileSystem, "rm", counted(LocalFileSystem.rm))


def erased_with_a_kill(root: Path, after: int, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether it came to its end first."""
    with monkeypatch.context() as patch:
        dying(patch, after)
        try:
            erase(Layout(str(root)))
        except Killed:
            return False
    return True


@pytest.mark.slow
def test_killed_at_any_point_the_next_call_gives_what_one_call_gives(
    view: View, tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    layout, (snapshot,) = view.layout, view.snapshots
    row = read_sidecars(layout, snapshot).to_pylist()[6]
    asked = ledger([(row["source_row"], Download(url="http://a/x", outcome="fetched"))])
    storage.write_table(layout.downloads(snapshot, 1), asked)
    storage.write_table(layout.ledger(f"consent/{snapshot}/later.parquet"), asked)
    forget(view, next(iter(samples(view))))
    add_tombstones(layout, pa.table({"kind": ["sha256"], "value": [row["image_sha256"]]}))
    whole = tmp_path / "whole"
    shutil.copytree(layout.root, whole)
    erase(Layout(str(whole)))
    expected = content(str(whole))
    source = open_folder(tiny_corpus, corpus="tiny", languages=("en", "fr"))
    for after in range(200):
        root = tmp_path / f"killed {after}"
        shutil.copytree(layout.root, root)
        if erased_with_a_kill(root, after, monkeypatch):
            break
        if after % 3 == 0:  # somebody packs before the erasure is repeated: nothing comes back by that
            pack(source, layout=Layout(str(root)), config=PackingConfig(samples_per_shard=5, num_workers=1))
        erase(Layout(str(root)))
        found = content(str(root))
        assert _without_clock(found) == _without_clock(expected), after
        shutil.rmtree(root)
    assert after > 30
    assert verify(Layout(str(root)), snapshot).problems == ()


def _without_clock(files: dict[str, bytes]) -> dict[str, bytes]:
    """The ledger of tombstones says when a rule's samples were named, costs how long something took."""
    return {name: data for name, data in files.items() if "tombstones" not in name and "_cost" not in name}


def test_a_shell_can_look_first_and_then_erase(view: View, capsys: pytest.CaptureFixture[str]):
    forget(view, next(iter(samples(view))))
    root = view.layout.root
    assert main(["pack", "--erase", "--root", root, "--dry-run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["num_samples"], list(told["shards"])) == (1, [f"{view.snapshots[0]}/00000000"])
    assert pending_erasures(view.layout, corpora=["tiny"]) == told["shards"]
    assert main(["pack", "--erase", "--root", root, "--corpus", "tiny"]) == 0
    assert pending_erasures(view.layout) == {}
    capsys.readouterr()
    assert main(["pack", "--erase", "--root", root, "--corpus", "other"]) == 1
    assert "nothing was packed as other" in capsys.readouterr().err


def test_where_nothing_was_forgotten_nothing_is_written(view: View):
    before = content(view.layout.root, without=())
    assert erase(view.layout) == EraseReport(
        num_samples=0, num_shards=0, shards=(), num_signal_files=0, removed=(), renewed=(), exports=()
    )
    assert content(view.layout.root, without=()) == before
