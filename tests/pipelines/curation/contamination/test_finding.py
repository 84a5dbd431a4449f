"""A copy of every kind that was planted in what is to be trained on is found, and nothing else."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipelines import storage
from pipelines.__main__ import main
from pipelines.curation.contamination import (
    EvaluationSet,
    Thresholds,
    check_contamination,
    find_contamination,
    read_thresholds,
)
from pipelines.curation.contamination.declaring import declare, declared_sets, evaluation_sets_for, undeclare
from pipelines.errors import PolicyError, SignalError
from pipelines.layout import Layout
from pipelines.shards.reading import read_sidecars
from pipelines.shards.tombstones import add_tombstones
from pipelines.signals.schema import EMBEDDINGS

SENTENCE = "three small brown birds sit on a wire above the street while the sun goes down"
SHORT = "two cats asleep on a grey sofa at noon"


@pytest.fixture
def evaluation(planted: Any) -> list[Any]:
    return [
        planted.thing("eval picture", caption="a", image=planted.drawing(1)),
        planted.thing("eval clip", caption="b", audio=planted.melody(1)),
        planted.thing("eval sentence", caption=SENTENCE),
        planted.thing("eval short", caption=SHORT),
        planted.thing("eval both", caption="c", image=planted.drawing(2), audio=planted.melody(2)),
    ]


@pytest.fixture
def training(planted: Any) -> list[Any]:
    """Name of a thing = reason for which it is to be found; those called clean are not."""
    return [
        planted.thing("same_bytes", caption="d", image=planted.drawing(1)),
        planted.thing("near_image", caption="e", image=planted.drawing(1, size=64, quality=80)),
        planted.thing("same_audio", caption="f", audio=planted.melody(1, gain=0.5, cut=800)),
        planted.thing("shared_13_gram", caption=f"Photo: {SENTENCE.title()}!"),
        planted.thing("same_text", texts={"de": "etwas", "en": SHORT.upper()}, language="de", caption="etwas"),
        planted.thing("clean picture", caption="g", image=planted.drawing(3)),
        planted.thing("clean clip", caption="h", audio=planted.melody(3)),
        planted.thing("clean words", caption=" ".join(reversed(SENTENCE.split()))),
        planted.thing("clean part", caption=" ".join(SENTENCE.split()[:12])),
    ]


def names(layout: Layout, snapshot: Any) -> dict[str, str]:
    return {row["uid"]: row["reference"] for row in read_sidecars(layout, snapshot).to_pylist()}


def hits(report: Any) -> list[dict[str, Any]]:
    return storage.read_table(report.uri).to_pylist()


@pytest.fixture
def sets(packed: Any, viewed: Any, evaluation: list[Any]) -> list[EvaluationSet]:
    view = viewed("asked", packed("evaluation", evaluation))
    return [EvaluationSet(view=view.view, digest=view.digest)]


def test_every_planted_copy_is_found_for_its_reason_and_nothing_clean(layout, packed, training, sets):
    snapshot = packed("training", training)
    report = find_contamination(layout, [snapshot], evaluation_sets=sets)
    by_uid = names(layout, snapshot)
    found = {by_uid[hit["uid"]]: set() for hit in hits(report)}
    for hit in hits(report):
        found[by_uid[hit["uid"]]].add(hit["reason"])
        assert (hit["evaluation_view"], hit["evaluation_digest"]) == ("asked", sets[0].digest)
    # Equal bytes are near, too.
    assert found == {"same_bytes": {"same_bytes", "near_image"}} | {
        name: {name} for name in ("near_image", "same_audio", "shared_13_gram", "same_text")
    }
    assert report.num_samples == 5
    assert report.num_by_reason["near_image"] == 2
    assert report.num_by_set == {f"asked/{sets[0].digest}": 5}
    assert {hit.reason for hit in report.examples} == set().union(*found.values())


def test_hits_depend_on_neither_order_nor_shards(layout, packed, training, sets):
    one = packed("training", training)
    first = find_contamination(layout, [one], evaluation_sets=sets)
    known = {(hit["uid"], hit["reason"], hit["evaluation_uid"]) for hit in hits(first)}
    for folder in ("shards/training", "signals/fingerprints@2/training"):
        storage.remove(f"{layout.root}/{folder}")
    again = find_contamination(layout, [packed("training", training[::-1], per_shard=2)], evaluation_sets=sets)
    assert again.digest != first.digest
    assert {(hit["uid"], hit["reason"], hit["evaluation_uid"]) for hit in hits(again)} == known


def test_a_snapshot_that_holds_the_evaluation_samples_themselves_is_found_out(layout, packed, evaluation, sets):
    own = find_contamination(layout, [packed("evaluation", evaluation)], evaluation_sets=sets)
    reasons = {hit["reason"] for hit in hits(own)}
    assert own.num_samples == len(evaluation)
    assert "same_sample" in reasons


def test_a_set_of_some_splits_asks_only_those(layout, packed, training, sets):
    held_out = [EvaluationSet(view="asked", digest=sets[0].digest, splits=("held_out_concept",))]
    report = find_contamination(layout, [packed("training", training)], evaluation_sets=held_out)
    assert report.num_samples == 0
    assert hits(report) == []


def test_a_withdrawn_evaluation_sample_asks_nothing(layout, packed, training, sets):
    snapshot = packed("training", training)
    before = find_contamination(layout, [snapshot], evaluation_sets=sets)
    hit = next(hit for hit in hits(before) if hit["reason"] == "same_audio")
    add_tombstones(layout, pa.table({"uid": [hit["evaluation_uid"]]}))
    after = find_contamination(layout, [snapshot], evaluation_sets=sets)
    assert before.digest != after.digest
    assert before.num_samples - after.num_samples == 1


def test_limits_can_be_moved_and_checks_left_out(layout, packed, training, sets):
    snapshot = packed("training", training)
    none = Thresholds(max_distance=None, words=None, min_audio_similarity=None)
    report = find_contamination(layout, [snapshot], evaluation_sets=sets, settings=none)
    assert report.num_by_reason == {"same_bytes": 1}
    words = find_contamination(layout, [snapshot], evaluation_sets=sets, settings=Thresholds(words=12))
    assert words.num_by_reason["shared_12_gram"] == 2


def test_vectors_of_one_family_are_compared_where_it_is_named(layout, packed, training, sets):
    snapshot = packed("training", training)
    key = "embeddings@0123456789ab"
    settings = Thresholds(vectors=key, modalities=("text",), min_similarity=0.99)
    with pytest.raises(SignalError, match="not there, so nothing can be compared"):
        find_contamination(layout, [snapshot], evaluation_sets=sets, settings=settings)
    rng = np.random.default_rng(0)
    shared = rng.standard_normal(8)
    for one in (snapshot, type(snapshot)(corpus="evaluation", snapshot="one")):
        table = storage.read_table(layout.sidecar(one, 0), ["uid"])
        vectors = rng.standard_normal((len(table), 8))
        vectors[0] = shared
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        pairs = zip(table["uid"].to_pylist(), vectors, strict=True)
        rows = [{"uid": uid, "text_vector": vector.astype(np.float16)} for uid, vector in pairs]
        storage.write_table(layout.signal(key, one, 0), pa.Table.from_pylist(rows, schema=EMBEDDINGS))
    report = find_contamination(layout, [snapshot], evaluation_sets=sets, settings=settings)
    near = [hit for hit in hits(report) if hit["reason"] == "near_text_vector"]
    assert len(near) == 1
    assert near[0]["similarity"] == pytest.approx(1, abs=1e-3)


@pytest.mark.usefixtures("sets")
def test_a_stored_view_is_checked_against_what_was_declared_after_it(layout, packed, viewed, training):
    view = viewed("train", packed("training", training))
    assert check_contamination(view) == []
    declare(layout, "asked")
    found = check_contamination(view)
    assert {hit.reason for hit in found} >= {"same_bytes", "same_audio", "same_text", "shared_13_gram"}
    assert {hit.evaluation_view for hit in found} == {"asked"}
    add_tombstones(layout, pa.table({"uid": sorted({hit.uid for hit in found})}))
    assert check_contamination(view) == []


def test_declarations_last_and_can_be_taken_back(layout, sets):
    declared = declare(layout, "asked", splits=["train"], when=5.0)
    assert declared_sets(layout) == [declared]
    assert evaluation_sets_for(layout, "other") == [declared]
    assert evaluation_sets_for(layout, "asked") == []
    assert declare(layout, f"asked/{sets[0].digest[:8]}", when=6.0).splits == ()
    assert len(declared_sets(layout)) == 1
    undeclare(layout, "asked")
    assert declared_sets(layout) == []
    assert [one.view for one in evaluation_sets_for(layout, "other", ["asked"])] == ["asked"]


@pytest.mark.usefixtures("sets")
def test_what_cannot_be_declared_is_refused(layout):
    with pytest.raises(PolicyError, match="0 stored views are meant"):
        declare(layout, "nothing")
    with pytest.raises(PolicyError, match="split 'test': there is none"):
        declare(layout, "asked", splits=["test"])
    with pytest.raises(PolicyError, match=r"not declared\. Declared: none"):
        undeclare(layout, "asked")
    declare(layout, "asked")
    storage.remove(f"{layout.root}/views/asked")
    with pytest.raises(PolicyError, match=r"take the declaration back with: .* --undeclare asked/"):
        evaluation_sets_for(layout, "other")[0].open(layout)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"max_distanc": 3}, "here: no setting 'max_distanc'. Did you mean max_distance"),
        ({"max_distance": 40}, "here: max_distance = 40: expected a number from 0 to 12"),
        ({"words": "many"}, "words = 'many'"),
        ({"modalities": ["sound"]}, "'sound'"),
    ],
)
def test_a_setting_that_means_nothing_is_refused(value: dict[str, Any], message: str):
    with pytest.raises(PolicyError, match=message.replace("(", "\\(")):
        read_thresholds(value, where="here")


def test_settings_are_read_from_json():
    assert read_thresholds(None) == Thresholds()
    assert read_thresholds({"max_distance": None, "modalities": ["image"]}) == Thresholds(
        max_distance=None, modalities=("image",)
    )


def test_a_view_that_is_curated_after_the_declaration_drops_what_is_asked(layout, packed, viewed, training, sets):
    snapshot = packed("training", training)
    before = viewed("train", snapshot)
    declare(layout, "asked")
    after = viewed("train", snapshot)
    assert before.digest != after.digest
    assert after.manifest["dropped_by_fault"]["contaminated"] == 5
    assert check_contamination(after) == []
    assert viewed("asked", type(snapshot)(corpus="evaluation", snapshot="one")).digest == sets[0].digest


@pytest.mark.usefixtures("sets")
def test_a_shell_can_declare_check_and_take_back(layout, packed, viewed, training, capsys):
    viewed("train", packed("training", training))

    def run(*arguments: str) -> dict[str, Any]:
        assert main(["evaluation-sets", "--root", layout.root, *arguments, "--json"]) == 0
        return json.loads(capsys.readouterr().out.splitlines()[-1])

    assert run() == {"evaluation_sets": []}
    told = run("--declare", "asked", "--check", "train")
    assert [one["splits"] for one in told["evaluation_sets"]] == ["all"]
    assert (told["is_clean"], told["num_samples"], told["num_by_reason"]["near_image"]) == (False, 5, 2)
    assert {one["reason"] for one in told["examples"]} == set(told["num_by_reason"])
    told = run("--undeclare", "asked", "--check", "train")
    assert (told["is_clean"], told["num_samples"], told["examples"]) == (True, 0, [])
