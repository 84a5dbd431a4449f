"""Captioning: what is trained on, what is left out and counted, what a bundle answers, what its report says."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image

from mmmodels.alignment.bundle import load_aligner
from mmmodels.errors import CheckpointError, RecipeError
from mmmodels.evaluation.reports import evaluate
from mmmodels.generative.bundles import load_generator
from mmmodels.recipes import find_recipe
from mmmodels.tasks.captioning import predict, task_of
from mmmodels.tasks.inputs import Inputs
from mmmodels.training.launch import train
from pipelines.curation.splits import is_held_out_text
from pipelines.storage import read_table
from tests.mmmodels.small import SMALL

CAPTIONS = SMALL | {
    "generator.width": "32",
    "generator.layers": "1",
    "generator.heads": "2",
    "generator.hidden": "64",
    "generator.vocab_size": "300",
    "generator.languages": "en,fr",
    "generator.decoding.max_new_tokens": "8",
}


@pytest.fixture(scope="module")
def place(patterns_view, mlflow_uri):
    return {
        "view": patterns_view.view,
        "view_digest": patterns_view.digest,
        "layout": patterns_view.layout,
        "tracking_uri": mlflow_uri,
    }


@pytest.fixture(scope="module")
def bundles(place):
    """(aligner's bundle, captioner's bundle) after a few steps."""
    aligner = train(find_recipe("tiny", SMALL), **place)
    recipe = find_recipe("caption_tiny", CAPTIONS | {"training.num_steps": "12"})
    captioner = train(recipe, parent_bundle=aligner.bundle_uri, **place)
    assert captioner.curve[-1]["loss"] < captioner.curve[0]["loss"]
    return aligner.bundle_uri, captioner.bundle_uri


def picture(side=32, colour=(200, 30, 30)):
    data = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(data, "PNG")
    return data.getvalue()


def test_every_picture_is_trained_on_once_in_each_language_and_never_with_a_held_out_text(patterns_data):
    task = task_of(find_recipe("caption_tiny", CAPTIONS), patterns_data, None)
    entries = task.pools()["captioned"].entries
    rows, places = entries[:, 0], entries[:, 1]
    pairs = list(zip(patterns_data.images[rows].tolist(), task.spoken.language[places].tolist(), strict=True))
    assert len(pairs) == len(set(pairs)) > 100
    assert {task.spoken.languages[number] for _, number in pairs} == {"en", "fr"}
    groups = patterns_data.column("group")
    said = [(groups[row], task.spoken.languages[task.spoken.language[at]]) for row, at in entries]
    assert not any(is_held_out_text(group, language) for group, language in said)
    unseen = task.held_out_pools()["captioned"].entries
    assert not set(unseen[:, 1].tolist()) & set(places.tolist())


def test_what_has_no_room_is_left_out_and_counted_never_cut(patterns_data):
    short = find_recipe("caption_tiny", CAPTIONS | {"generator.context_length": "8"})
    task, whole = (task_of(recipe, patterns_data, None) for recipe in (short, find_recipe("caption_tiny", CAPTIONS)))
    left = task.left_out["longer_than_context"]
    assert left > 0 == whole.left_out["longer_than_context"]
    kept = task.pools()["captioned"].entries[:, 1]
    assert max(len(task.answers[number]) for number in task.numbers[kept]) <= 8 - 3 - 1
    assert task.facts()["left_out"]["longer_than_context"] == left


def test_samples_without_a_picture_or_with_an_empty_text_are_counted(patterns_data):
    table = patterns_data.table
    shas = table["image_sha256"].to_pylist()
    shas[0] = None
    texts = table["texts"].to_pylist()
    texts[1] = [(language, "" if language == "fr" else text) for language, text in texts[1]]
    changed = table.set_column(table.schema.get_field_index("image_sha256"), "image_sha256", pa.array(shas))
    at = table.schema.get_field_index("texts")
    changed = changed.set_column(at, "texts", pa.array(texts, table.schema.field("texts").type))
    task = task_of(find_recipe("caption_tiny", CAPTIONS), replace(patterns_data, table=changed), None)
    assert task.left_out["no_image"] == 1
    assert task.left_out["empty_text"] == 1
    assert 0 not in task.pools()["captioned"].entries[:, 0]


def test_a_language_that_the_view_lacks_and_a_modality_without_captions_are_refused(patterns_data):
    recipe = find_recipe("caption_tiny", CAPTIONS | {"generator.languages": "en,pt"})
    with pytest.raises(RecipeError, match=r"pt.*en, fr"):
        task_of(recipe, patterns_data, None).pools()
    with pytest.raises(RecipeError, match="captions are of pictures"):
        task_of(find_recipe("caption_tiny", CAPTIONS | {"generator.modalities": "audio"}), patterns_data, None)


def test_a_captioner_starts_from_the_towers_of_its_parent(bundles, patterns_data):
    task = task_of(find_recipe("caption_tiny", CAPTIONS), patterns_data, Path(bundles[0]))
    tower, parent = task.build().encoders["image"].tower, load_aligner(bundles[0]).model.image
    assert all(torch.equal(value, parent.state_dict()[name]) for name, value in tower.state_dict().items())
    wider = find_recipe("caption_tiny", CAPTIONS | {"model.embed_dim": "64"})
    with pytest.raises(CheckpointError, match="not the weights of this tower"):
        task_of(wider, patterns_data, Path(bundles[0])).build()


def test_a_bundle_answers_in_the_language_and_with_the_beginning_that_are_asked_for(bundles):
    answer = predict(bundles[1], Inputs(image=picture(), language="fr", prompt="rouge"))
    assert answer["language"] == "fr"
    assert answer["text"].startswith("rouge")
    assert predict(bundles[1], Inputs(image=picture())) == predict(bundles[1], Inputs(image=picture(), language="en"))
    beams = predict(bundles[1], Inputs(image=picture(), options={"num_beams": "3", "max_new_tokens": "4"}))
    assert json.loads(json.dumps(beams)) == beams


def test_what_a_captioner_cannot_answer_is_refused_with_what_to_do(bundles):
    with pytest.raises(RecipeError, match="--image"):
        predict(bundles[1], Inputs(text="red"))
    with pytest.raises(RecipeError, match=r"'de'.*en, fr"):
        predict(bundles[1], Inputs(image=picture(), language="de"))
    with pytest.raises(RecipeError, match="num_beans"):
        predict(bundles[1], Inputs(image=picture(), options={"num_beans": "3"}))
    with pytest.raises(RecipeError, match="some of sampling"):
        predict(bundles[1], Inputs(image=picture(), options={"num_beams": "3", "top_k": "3"}))
    with pytest.raises(CheckpointError, match="expected a generator"):
        predict(bundles[0], Inputs(image=picture()))


def test_a_bundle_comes_back_as_it_was_trained(bundles):
    found = load_generator(bundles[1], tasks=("caption",))
    assert not found.model.training
    assert found.vocabulary.languages == ("en", "fr")
    assert found.facts["left_out"]["longer_than_context"] == 0


def test_the_report_has_every_set_and_metric_and_asks_each_question_once(bundles, place):
    given = {name: place[name] for name in ("layout", "view", "view_digest")}
    report = evaluate(bundles[1], **given)
    names = {name.split("/")[1] for name in report["metrics"]}
    assert {"exact", "rouge_l", "cider_d", "clip_score", "bleu_1", "bleu_4", "cider_d_above_nearest"} <= names
    assert {name.split("/")[0] for name in report["metrics"]} == {
        *("trained", "trained_moved", "held_out_language", "held_out_concept")
    }
    for name, metric in report["metrics"].items():
        assert metric["low"] <= metric["value"] <= metric["high"] or "bleu" in name
        assert metric["n"] > 0
    queries = read_table(report["queries_uri"])
    asked = list(zip(queries["metric"].to_pylist(), queries["uid"].to_pylist(), strict=True))
    assert len(asked) == len(set(asked))
    assert np.isfinite(queries["hit"].to_numpy()).all()
    assert set(report["by_language"]["held_out_concept"]) == {"en", "fr"}
