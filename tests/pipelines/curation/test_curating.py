import random
from typing import Any

import pyarrow as pa
import pytest

from pipelines import storage
from pipelines.curation.contamination import check_leakage
from pipelines.curation.curating import ViewReport, curate
from pipelines.curation.duplicates import find_duplicates
from pipelines.curation.policy import load_policy, parse_policy
from pipelines.curation.splits import Split, split_of
from pipelines.curation.views import View, open_view
from pipelines.errors import PolicyError, SignalError
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.reading import read_sidecars

DEFAULT = load_policy("default")
WORDS_ONLY = parse_policy("words", "select uid, characters < 3 as too_few_characters from samples")


def fates(view: View) -> dict[str, str | None]:
    """Name of every sample -> first fault."""
    names = {row["uid"]: row["reference"] for row in read_sidecars(view.layout, view.snapshots[0]).to_pylist()}
    return {names[row["uid"]]: row["first_fault"] for row in view.verdicts().to_pylist()}


def curated(layout: Layout, snapshot: Snapshot, view: str = "main") -> ViewReport:
    return curate(layout, [snapshot], policy=DEFAULT, view=view)


def stored(layout: Layout, report: ViewReport) -> View:
    return open_view(layout, report.view, report.digest)


@pytest.fixture
def messy(corpus: Any, made: Any) -> tuple[Layout, Snapshot]:
    """One sample for every kind of fate."""
    things = [
        *made.things(8),
        made.thing(name="unreadable", caption=None),
        made.thing(name="copy", caption="number 0", image=made.picture(0), audio=made.clip(0), voice="v0"),
        made.thing(name="bright", group="thing 1", caption="number 1", image=made.picture(1, shift=9)),
        made.thing(name="other clip", group="thing 2", caption="number 2", image=made.picture(2), audio=made.clip(99)),
        made.thing(name="loud", caption="noise", audio=made.clip(50)),
        made.thing(name="link", caption="see example.com"),
        made.thing(name="cjk", caption="\u732b", language="zh", image=made.picture(51)),
    ]
    signals = {"loud": {"clipping_share": 0.5}, "link": {"has_url": True}}
    packed: tuple[Layout, Snapshot] = corpus(things, signals, per_shard=8)
    return packed


def test_every_sample_has_a_verdict_and_a_reason(messy: tuple[Layout, Snapshot]) -> None:
    layout, snapshot = messy
    report = curate(layout, [snapshot], policy=DEFAULT, view="main")
    found = fates(stored(layout, report))
    dropped = {name: fault for name, fault in found.items() if fault}
    copies = {"copy", "thing 0"} & dropped.keys()
    assert len(copies) == 1
    assert {name: fault for name, fault in dropped.items() if name not in copies} == {
        "bright": "near_duplicate", "loud": "clipped_audio", "link": "web_address",
    }  # fmt: skip
    assert dropped[copies.pop()] == "duplicate"
    assert (report.num_samples, report.num_kept, report.created) == (14, 10, True)
    assert sum(report.dropped_by_fault.values()) == 4
    assert list(report.dropped_by_fault)[:3] == ["tombstoned", "not_measured", "repeated_uid"]


def test_kept_samples_come_with_what_loading_needs(messy: tuple[Layout, Snapshot]) -> None:
    layout, snapshot = messy
    view = stored(layout, curate(layout, [snapshot], policy=DEFAULT, view="main"))
    table = view.table()
    assert table.column_names == [
        "uid", "corpus", "snapshot", "shard", "group", "split", "label", "caption", "language", "voice", "texts",
        "source", "license", "original_data", "weight", "original_width", "original_height", "image_sha256",
        "audio_sha256", "image_offset", "image_size", "image_extension",
        "audio_offset", "audio_size", "duration_seconds", "sample_rate_hz",
    ]  # fmt: skip
    rows = table.to_pylist()
    kept = [row["uid"] for row in view.verdicts().to_pylist() if row["kept"]]
    assert [row["uid"] for row in rows] == kept
    assert [row["shard"] for row in rows] == sorted(row["shard"] for row in rows)
    assert all(row["split"] == split_of(row["group"], row["language"], row["voice"] or "") for row in rows)
    assert {row["label"] for row in rows} == {"tag"}
    assert view.table(["uid", "weight"]).column_names == ["uid", "weight"]
    assert view.table(["texts"]).schema.field("texts").type == pa.map_(pa.string(), pa.string())


def test_the_funnel_begins_with_the_records_that_packing_refused(messy: tuple[Layout, Snapshot]) -> None:
    layout, snapshot = messy
    view = stored(layout, curate(layout, [snapshot], policy=DEFAULT, view="main"))
    rows = [row for row in view.funnel().to_pylist() if row["section"] == "all"]
    assert (rows[0]["fault"], rows[0]["num_before"], rows[0]["num_first"]) == ("failed_to_decode", 15, 1)
    assert rows[-1]["num_before"] - rows[-1]["num_first"] == view.table().num_rows
    assert view.manifest["num_records"] == 15


def test_the_same_question_finds_the_view_that_is_there(messy: tuple[Layout, Snapshot]) -> None:
    layout, snapshot = messy
    first = curate(layout, [snapshot], policy=DEFAULT, view="main")
    again = curate(layout, [snapshot], policy=DEFAULT, view="main")
    assert (again.digest, again.created, again.num_kept_by_split) == (first.digest, False, first.num_kept_by_split)
    assert again.seconds < 1


def test_another_question_is_another_view(messy: tuple[Layout, Snapshot]) -> None:
    layout, snapshot = messy
    questions = [
        curate(layout, [snapshot], policy=DEFAULT, view="main"),
        curate(layout, [snapshot], policy=DEFAULT, view="main", params={"min_image_pixels": 17}),
        curate(layout, [snapshot], policy=DEFAULT, view="main", allow_not_measured=True),
        curate(layout, [snapshot], policy=WORDS_ONLY, view="main"),
    ]
    assert len({report.digest for report in questions}) == len(questions)
    same = curate(layout, [snapshot], policy=DEFAULT, view="other", params={"min_image_pixels": 16})
    assert same.digest == questions[0].digest


def test_a_view_without_its_last_file_is_made_again(messy: tuple[Layout, Snapshot]) -> None:
    layout, snapshot = messy
    report = curate(layout, [snapshot], policy=DEFAULT, view="main")
    names = ["funnel.parquet", "policy.sql", "uids.npy", "verdicts/00000000.parquet", "view.json"]
    before = [storage.read_bytes(f"{report.uri}/{name}") for name in names]
    storage.local_path(f"{report.uri}/view.json").unlink()
    assert curate(layout, [snapshot], policy=DEFAULT, view="main").created
    assert [storage.read_bytes(f"{report.uri}/{name}") for name in names] == before


def test_what_nobody_measured_is_refused_with_the_call_that_measures_it(messy: tuple[Layout, Snapshot]) -> None:
    layout, snapshot = messy
    storage.local_path(layout.signal("audio@1", snapshot, 0)).unlink()
    call = r"audio@1 of 8 samples out of 14.*measure --root \S+ --corpus things --snapshot one --signals audio@1"
    with pytest.raises(PolicyError, match=call):
        curate(layout, [snapshot], policy=DEFAULT, view="main")
    assert curate(layout, [snapshot], policy=WORDS_ONLY, view="words").created
    report = curate(layout, [snapshot], policy=DEFAULT, view="main", allow_not_measured=True)
    assert report.dropped_by_fault["not_measured"] == 8


def test_a_modality_that_is_absent_needs_no_measuring(corpus: Any, made: Any) -> None:
    layout, snapshot = corpus([made.thing(name="words", caption="only words")])
    storage.local_path(layout.signal("audio@1", snapshot, 0)).unlink()
    storage.local_path(layout.signal("image@2", snapshot, 0)).unlink()
    assert curate(layout, [snapshot], policy=DEFAULT, view="main").num_kept == 1


def test_duplicates_need_fingerprints(messy: tuple[Layout, Snapshot]) -> None:
    layout, snapshot = messy
    storage.local_path(layout.signal("fingerprints@2", snapshot, 1)).unlink()
    with pytest.raises(SignalError, match=r"fingerprints@2 of 6 samples.*--signals fingerprints@2"):
        find_duplicates(layout, [snapshot])
    with pytest.raises(PolicyError, match="fingerprints@2 of 6 samples"):
        curate(layout, [snapshot], policy=WORDS_ONLY, view="main")


def test_alignment_needs_a_scoring_model_and_then_its_scores(messy: tuple[Layout, Snapshot]) -> None:
    layout, snapshot = messy
    aligned = load_policy("aligned")
    with pytest.raises(PolicyError, match=r"policy aligned, line \d+ .* no scoring model is named"):
        curate(layout, [snapshot], policy=aligned, view="main")
    with pytest.raises(PolicyError, match=r"alignment@abc of 14 .*mmmodels score MODEL .*digest begins with abc"):
        curate(layout, [snapshot], policy=aligned, view="main", alignment="alignment@abc")


def write_scores(layout: Layout, snapshot: Snapshot, *, in_sample: bool) -> None:
    """Percentile 2 for the pair of every picture and caption, 50 for the others."""
    records = read_sidecars(layout, snapshot).to_pylist()
    for shard in {row["shard"] for row in records}:
        uids = [row["uid"] for row in records if row["shard"] == shard and row["uid"]]
        scores = {name: [0.5] * len(uids) for name in ("image_text_score", "audio_text_score", "image_audio_score")}
        percentiles = {
            f"{name}_percentile": [2.0 if name == "image_text_score" else 50.0] * len(uids) for name in scores
        }
        table = pa.table({"uid": uids, **scores, **percentiles, "in_sample": [in_sample] * len(uids)})
        storage.write_table(layout.signal("alignment@abc", snapshot, shard), table)


@pytest.mark.parametrize(("in_sample", "drops"), [(True, True), (False, False)])
def test_aligned_judges_only_training_samples_and_unseen_pairs_more_mildly(
    corpus: Any, made: Any, in_sample: bool, drops: bool
) -> None:
    layout, snapshot = corpus(made.things(12))
    write_scores(layout, snapshot, in_sample=in_sample)
    report = curate(layout, [snapshot], policy=load_policy("aligned"), view="aligned", alignment="alignment@abc")
    kept = report.num_kept_by_split
    assert (report.dropped_by_fault["image_text_mismatch"] > 0) is drops
    assert (kept[Split.TRAIN] == 0) is drops
    assert sum(count for split, count in kept.items() if split != Split.TRAIN) > 0


def test_the_withdrawn_are_out_and_make_another_view(messy: tuple[Layout, Snapshot]) -> None:
    layout, snapshot = messy
    before = curate(layout, [snapshot], policy=DEFAULT, view="main")
    withdrawn = stored(layout, before).table(["uid"])["uid"][0].as_py()
    ledger = pa.table({"uid": ["0" * 32]})
    storage.write_table(layout.ledger("tombstones.parquet"), ledger)
    assert not curate(layout, [snapshot], policy=DEFAULT, view="main").created
    storage.write_table(layout.ledger("tombstones.parquet"), pa.table({"uid": ["0" * 32, withdrawn]}))
    after = curate(layout, [snapshot], policy=DEFAULT, view="main")
    assert after.dropped_by_fault["tombstoned"] == 1
    assert withdrawn not in stored(layout, after).table(["uid"])["uid"].to_pylist()


def test_verdicts_do_not_depend_on_the_order_or_the_shards_of_samples(corpus: Any, made: Any) -> None:
    things = made.things(10) + [
        made.thing(name=f"bright {n}", group=f"thing {n}", caption=f"number {n}", image=made.picture(n, shift=5 + n))
        for n in range(4)
    ]
    layout, snapshot = corpus(things, per_shard=3)
    expected = fates(stored(layout, curate(layout, [snapshot], policy=DEFAULT, view="main")))
    for folder in ("shards", "signals"):
        storage.local_path(f"{layout.root}/{folder}").rename(f"{layout.root}/old {folder}")
    random.Random(1).shuffle(things)
    again = curated(*corpus(things, per_shard=5))
    assert again.created
    assert fates(stored(layout, again)) == expected
    assert "near_duplicate" in expected.values()


def test_no_view_leaks_and_a_broken_one_is_found_out(corpus: Any, made: Any) -> None:
    held_out = next(f"g{n}" for n in range(100) if split_of(f"g{n}", "en", "") is Split.HELD_OUT_CONCEPT)
    train = next(f"t{n}" for n in range(100) if split_of(f"t{n}", "en", "") is Split.TRAIN)
    twin = made.thing(name="twin", group=held_out, caption="held out", image=made.picture(3))
    leak = made.thing(name="leak", group=train, caption="different words", image=made.picture(3, shift=6))
    layout, snapshot = corpus([twin, leak, *made.things(8)])
    report = curate(layout, [snapshot], policy=DEFAULT, view="main")
    view = stored(layout, report)
    assert fates(view)["leak"] == "near_held_out"
    assert fates(view)["twin"] is None
    assert check_leakage(view) == []
    (file,) = view.files
    verdicts = storage.read_table(file)
    storage.write_table(file, verdicts.drop_columns(["kept"]).append_column("kept", pa.array([True] * len(verdicts))))
    assert "near_image" in {leak.reason for leak in check_leakage(view)}


def test_a_corpus_of_three_samples_gives_a_view(corpus: Any, made: Any) -> None:
    report = curated(*corpus(made.things(3)))
    assert report.num_kept == 3
    assert set(report.num_kept_by_split) == set(Split)


def test_a_views_name_is_a_folders_name(messy: tuple[Layout, Snapshot]) -> None:
    for name in ("../up", "", "a/b", "Main"):
        with pytest.raises(PolicyError, match="not a name"):
            curated(*messy, view=name)
