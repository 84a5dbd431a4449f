"""Self-supervised pretraining end to end: a run, its errors and probes in a report, towers that start an aligner."""

import pytest
import torch

from mmmodels.alignment.bundle import read_bundle
from mmmodels.evaluation.reports import evaluate
from mmmodels.recipes import find_recipe
from mmmodels.tasks.alignment import AlignmentTask
from mmmodels.training.launch import train
from tests.mmmodels.small import SMALL

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(patterns_view, mlflow_uri):
    return {
        "view": patterns_view.view,
        "view_digest": patterns_view.digest,
        "layout": patterns_view.layout,
        "tracking_uri": mlflow_uri,
    }


@pytest.fixture(scope="module")
def bundle(place):
    return train(find_recipe("reconstruct_tiny", SMALL), **place).bundle_uri


def test_the_report_has_errors_probes_and_pictures(bundle, place):
    report = evaluate(bundle, **{name: value for name, value in place.items() if name != "tracking_uri"})
    metrics = report["metrics"]
    for modality in ("image", "text", "audio"):
        assert metrics[f"{modality}/error"]["value"] > 0
    assert any("probe" in name for name in metrics)
    assert report["pictures"]


def test_an_aligner_starts_from_its_towers(bundle, patterns_data):
    settings = SMALL | {"model.image.pretrained": bundle, "model.audio.pretrained": bundle}
    model = AlignmentTask(recipe=find_recipe("tiny", settings), data=patterns_data).build().state_dict()
    weights = read_bundle(bundle).weights
    found = [name for name in model if name.startswith(("image.", "audio.")) and any(w.endswith(name) for w in weights)]
    assert found
    for name in found:
        (source,) = [weight for weight in weights if weight == name or weight.endswith(f".{name}")][:1]
        assert torch.equal(model[name], weights[source]), name
