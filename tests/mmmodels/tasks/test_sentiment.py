"""Sentiment: trained on any labels of the three sentiments, held against a reader of the caption."""

import pytest

from mmmodels.errors import RecipeError
from mmmodels.evaluation.reports import evaluate
from mmmodels.preparing import Rows
from mmmodels.recipes import find_recipe
from mmmodels.tasks.inputs import Inputs
from mmmodels.tasks.labelling import store_labels
from mmmodels.tasks.sentiment import predict, task_of
from mmmodels.training.launch import train
from tests.corpora import COLOURS
from tests.mmmodels.small import SMALL

OF_COLOURS = ("negative", "neutral", "positive")


@pytest.fixture
def labels(tmp_path, patterns_view):
    """Of the captions, by their colour: what a reader of the caption gets right."""
    path, colours = tmp_path / "labels.csv", [*COLOURS.items()]
    captions = sorted(set(patterns_view.table(["caption"])["caption"].to_pylist()))
    rows = [
        f"{caption},{OF_COLOURS[number % 3]}"
        for caption in captions
        for number, names in enumerate(colours)
        if set(names) & set(caption.split())
    ]
    path.write_text("\n".join(["caption,label", *dict.fromkeys(rows)]))
    return store_labels(path, layout=patterns_view.layout, view=patterns_view)["labels"]


def test_sentiment_is_trained_answered_and_held_against_a_reader_of_the_caption(labels, patterns_view, mlflow_uri):
    place = {"view": patterns_view.view, "view_digest": patterns_view.digest, "layout": patterns_view.layout}
    recipe = find_recipe("sentiment_tiny", SMALL | {"fusion.labels": labels})
    bundle = train(recipe, tracking_uri=mlflow_uri, **place).bundle_uri
    answer = predict(bundle, Inputs(text="red kite"))
    assert set(answer) == set(OF_COLOURS)
    assert sum(answer.values()) == pytest.approx(1, abs=1e-5)
    metrics = evaluate(bundle, **place)["metrics"]
    baseline = metrics["text_baseline/macro_f1"]
    assert baseline["low"] <= baseline["value"] <= baseline["high"]
    assert baseline["value"] > 0.9  # the colour is in the caption
    assert baseline["n"] == metrics["all/macro_f1"]["n"]


@pytest.mark.parametrize(("name", "message"), [("agreement", "no sentiment"), ("tag", "expected negative, neutral")])
def test_labels_that_are_no_sentiments_are_refused(name, message, patterns_data):
    recipe = find_recipe("sentiment_tiny", SMALL | {"fusion.labels": name})
    assert isinstance(patterns_data, Rows)
    with pytest.raises(RecipeError, match=message):
        task_of(recipe, patterns_data, None)
