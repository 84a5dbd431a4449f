"""The classifier: answers from any subset of the modalities, is judged only on concepts it never saw."""

import json
from pathlib import Path

import numpy as np
import pytest

from mmmodels.errors import CheckpointError
from mmmodels.evaluation.reports import evaluate
from mmmodels.recipes import find_recipe
from mmmodels.tasks.classification import load_classifier
from mmmodels.training.launch import train
from pipelines.errors import SampleError
from pipelines.shards.reading import read_shard
from pipelines.storage import read_table
from tests.mmmodels.small import SMALL


@pytest.fixture(scope="module")
def bundles(patterns_view, mlflow_uri):
    """(aligner's bundle, classifier's bundle) after a few steps."""
    place = {"view": patterns_view.view, "view_digest": patterns_view.digest, "layout": patterns_view.layout}
    aligner = train(find_recipe("tiny", SMALL), tracking_uri=mlflow_uri, **place)
    recipe = find_recipe("classify_tiny", SMALL | {"training.num_steps": "30"})
    classifier = train(recipe, tracking_uri=mlflow_uri, parent_bundle=aligner.bundle_uri, **place)
    return aligner.bundle_uri, classifier.bundle_uri


def first_sample(view):
    return next(iter(read_shard(view.layout, view.snapshots[0], 0)))


def test_any_subset_of_the_modalities_gives_probabilities_that_depend_on_what_is_given(bundles, patterns_view):
    classifier = load_classifier(bundles[1])
    sample = first_sample(patterns_view)
    images, texts, clips = [sample.image, sample.image, None], [sample.text, None, None], [sample.audio] * 3
    probabilities = classifier.predict_proba(images, texts, clips)
    assert probabilities.shape == (3, 10)
    assert probabilities.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    assert len(np.unique(probabilities.round(6), axis=0)) == 3


def test_a_sample_without_any_modality_is_an_error_that_names_the_row(bundles):
    with pytest.raises(SampleError, match="row 1"):
        load_classifier(bundles[1]).predict_proba([None, None], ["red kite", None], [None, None])


def test_the_report_is_about_held_out_concepts_only_and_adds_up(bundles, patterns_view):
    place = {"layout": patterns_view.layout, "view": patterns_view.view, "view_digest": patterns_view.digest}
    report = evaluate(bundles[1], **place)
    table = patterns_view.table(["uid", "split"])
    held_out = set(table.filter(np.array(table["split"].to_pylist()) == "held_out_concept")["uid"].to_pylist())
    queries = read_table(report["queries_uri"])
    assert set(queries["uid"].to_pylist()) <= held_out
    matrix = np.array(report["confusion"])
    accuracy = report["metrics"]["all/accuracy"]
    assert matrix.sum() == accuracy["n"] == sum(row["support"] for row in report["per_class"])
    assert np.trace(matrix) / matrix.sum() == pytest.approx(accuracy["value"])
    assert json.loads(json.dumps(report)) == report


def test_a_report_is_made_once_and_asks_two_models_the_same_questions(bundles, patterns_view):
    place = {"layout": patterns_view.layout, "view": patterns_view.view, "view_digest": patterns_view.digest}
    first, again = (evaluate(bundles[0], **place) for _ in range(2))
    assert first == again
    directions = {name.split("/")[1] for name in first["metrics"] if name.startswith("held_out_concept/")}
    assert len(directions) == 6
    for metric in first["metrics"].values():
        assert metric["low"] <= metric["value"] <= metric["high"]
        assert metric["n"] > 0


def test_a_bundle_of_the_wrong_kind_is_refused(bundles):
    with pytest.raises(CheckpointError, match="expected a classifier"):
        load_classifier(bundles[0])


def test_every_subset_of_the_modalities_is_judged_with_intervals_and_the_report_has_its_picture(bundles, patterns_view):
    place = {"layout": patterns_view.layout, "view": patterns_view.view, "view_digest": patterns_view.digest}
    report = evaluate(bundles[1], **place)
    subsets = {name.split("/")[0] for name in report["metrics"]} - {"bias"}
    assert subsets == {"all", "image+text", "image+audio", "text+audio", "image", "text", "audio"}
    assert all(value["low"] <= value["value"] <= value["high"] for value in report["metrics"].values())
    assert any(value["low"] < value["high"] for name, value in report["metrics"].items() if name.endswith("macro_f1"))
    assert set(report["pictures"]) == {"confusion", "explained_right", "explained_wrong"}
    assert all(Path(picture).read_bytes().startswith(b"\x89PNG") for picture in report["pictures"].values())


def test_a_classifier_of_one_modality_trains_without_an_aligner_and_ignores_the_rest(patterns_view, mlflow_uri):
    place = {"view": patterns_view.view, "view_digest": patterns_view.digest, "layout": patterns_view.layout}
    settings = SMALL | {"model.modalities": "image", "fusion.kind": "attention"}
    bundle = train(find_recipe("classify_tiny", settings), tracking_uri=mlflow_uri, **place).bundle_uri
    classifier, sample = load_classifier(bundle), first_sample(patterns_view)
    alone, more = (classifier.predict_proba([sample.image], [text], [None]) for text in (None, sample.text))
    assert np.array_equal(alone, more)
    with pytest.raises(SampleError, match="has no image"):
        classifier.predict_proba([None], [sample.text], [None])
    asked = {name for name in evaluate(bundle, **place)["metrics"] if not name.startswith("bias/")}
    assert asked == {"all/accuracy", "all/macro_f1"}


def test_what_does_not_belong_is_learnt_from_composed_samples(bundles, patterns_view, mlflow_uri):
    place = {"view": patterns_view.view, "view_digest": patterns_view.digest, "layout": patterns_view.layout}
    recipe = find_recipe("classify_tiny", SMALL | {"fusion.labels": "agreement"})
    bundle = train(recipe, tracking_uri=mlflow_uri, parent_bundle=bundles[0], **place).bundle_uri
    report = evaluate(bundle, **place)
    assert report["labels"] == ["agree", "image differs", "text differs", "audio differs"]
    supports = {row["support"] for row in report["per_class"]}
    assert len(supports) == 1
    assert report["metrics"]["all/accuracy"]["chance"] == 0.25
    assert report["metrics"]["image/accuracy"]["value"] == pytest.approx(0.25, abs=0.08)  # it cannot tell
