"""Detection from packed scenes to boxes on a picture."""

import io
import json
import math

import numpy as np
import pytest
from PIL import Image

from mmmodels.errors import CheckpointError, RecipeError
from mmmodels.evaluation.reports import evaluate
from mmmodels.preparing import prepare
from mmmodels.recipes import find_recipe
from mmmodels.tasks.detection import DetectionTask, load_detector, predict, rendered, task_of
from mmmodels.tasks.inputs import Inputs
from mmmodels.tasks.register import KINDS
from mmmodels.training.launch import train
from pipelines.curation.curating import curate
from pipelines.curation.policy import load_policy
from pipelines.curation.views import open_view
from pipelines.layout import Layout
from pipelines.shards.packing import PackingConfig, pack
from pipelines.shards.reading import read_shard
from pipelines.signals.measuring import measure
from pipelines.sources.scenes import open_scenes
from tests.mmmodels.small import SMALL, save_random_aligner

TINY = {
    **{name: SMALL[name] for name in ("training.num_workers", "training.batch_size", "training.num_steps")},
    "training.log_every_steps": "2",
    "training.checkpoint_every_steps": "4",
    "model.text.vocab_size": "400",
    "model.image.size_pixels": "64",
    "detection.width": "32",
    "detection.num_queries": "8",
    "detection.min_score": "0.0",
}


@pytest.fixture(scope="module")
def scenes_view(tmp_path_factory):
    layout = Layout(str(tmp_path_factory.mktemp("scenes") / "root"))
    source = open_scenes(
        corpus="scenes", licence="CC-BY-SA-4.0", settings={"num_scenes": 90, "side_pixels": 64, "max_side_pixels": 40}
    )
    snapshot = pack(source, layout=layout, config=PackingConfig(num_workers=1)).snapshot
    measure(layout, snapshot, num_workers=1)
    report = curate(layout, [snapshot], policy=load_policy("default"), view="scenes")
    return open_view(layout, "scenes", report.digest)


@pytest.fixture(scope="module")
def bundle(scenes_view, mlflow_uri):
    place = {"view": scenes_view.view, "view_digest": scenes_view.digest, "layout": scenes_view.layout}
    return train(find_recipe("detect_tiny", TINY), tracking_uri=mlflow_uri, **place).bundle_uri


def task(view, **settings) -> DetectionTask:
    recipe = find_recipe("detect_tiny", TINY | settings)
    data = prepare(view, config=recipe.model, columns=KINDS["detect"].columns)
    return task_of(recipe, data, None)


def one_scene(view) -> bytes:
    return next(iter(read_shard(view.layout, view.snapshots[0], 0))).image


def test_layouts_that_are_held_out_are_in_no_batch_of_the_training(scenes_view):
    found = task(scenes_view)
    trained, held_out = (set(pool["boxes"].entries[:, 0].tolist()) for pool in (found.pools(), found.held_out_pools()))
    assert trained
    assert held_out
    assert not trained & held_out


def test_scenes_with_more_boxes_than_queries_are_left_out_counted_and_named(scenes_view):
    facts = task(scenes_view, **{"detection.num_queries": "2"}).facts()["left_out"]["more_boxes_than_queries"]
    assert facts["number"] > len(facts["first"]) == 5


def test_photographs_are_refused_because_their_middle_alone_would_be_seen(scenes_view):
    with pytest.raises(RecipeError, match=r"cuts the middle out.*Set model\.image\.augmentation=drawings"):
        task(scenes_view, **{"model.image.augmentation": "photographs"}).build()


def test_a_view_without_boxes_says_how_to_get_some(patterns_view):
    with pytest.raises(RecipeError, match="no training sample carries a box"):
        task(patterns_view).build()


@pytest.mark.slow
@pytest.mark.parametrize("layers", ["0", "1"])
def test_a_detector_learns_what_it_sees_again_and_again(scenes_view, layers):
    import torch

    from mmmodels.loading import Reading

    found = task(scenes_view, **{"detection.decoder_layers": layers})
    torch.manual_seed(0)
    model = found.build().train()
    rows = np.flatnonzero(found.trained)[:8]
    images = np.ascontiguousarray(found.data.media["image"].read(rows))
    entries = np.stack([rows, rows], axis=1)
    reading = Reading(
        step=0, kind="boxes", positions=rows, entries=entries, arrays={"image": images}, there={}, num_substituted=0
    )
    batch = found.batch(reading)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    totals = []
    for _ in range(25):
        loss = sum(model(batch).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        totals.append(float(loss.detach()))
    assert totals[-1] < 0.6 * totals[0]
    assert all(math.isfinite(total) for total in totals)
    assert all(parameter.grad is not None for parameter in model.parameters()), "a rank would wait for it"


@pytest.mark.slow
def test_the_report_has_precision_by_size_with_intervals_and_pictures_of_scenes(bundle, scenes_view):
    report = evaluate(bundle, layout=scenes_view.layout, view=scenes_view.view, view_digest=scenes_view.digest)
    assert {"held_out/map", "held_out/map_50", "held_out/map_small", "held_out/f1_at_50"} <= set(report["metrics"])
    for metric in report["metrics"].values():
        assert 0 <= metric["low"] <= metric["high"] <= 1
    with Image.open(report["pictures"]["scenes"]) as picture:
        assert picture.size[0] > 500
    assert json.loads(json.dumps(report)) == report


@pytest.mark.slow
def test_predict_gives_boxes_inside_the_picture_in_its_own_pixels_and_draws_them(bundle, scenes_view):
    inputs = Inputs(image=one_scene(scenes_view), options={"max_boxes": "3"})
    answer = predict(bundle, inputs)
    assert (answer["width"], answer["height"], len(answer["boxes"])) == (64, 64, 3)
    for box in answer["boxes"]:
        left, top, width, height = box["bbox"]
        assert left >= 0 <= top
        assert left + width <= 64.1
        assert top + height <= 64.1
    with Image.open(io.BytesIO(rendered(answer, inputs, suffix=".png"))) as picture:
        assert picture.size == (512, 512)


@pytest.mark.slow
def test_a_question_without_a_picture_or_with_an_unknown_option_is_refused(bundle, scenes_view):
    with pytest.raises(RecipeError, match="no picture"):
        predict(bundle, Inputs(text="where is the cat"))
    with pytest.raises(RecipeError, match="a detector knows min_score and max_boxes"):
        predict(bundle, Inputs(image=one_scene(scenes_view), options={"num_beams": "4"}))
    with pytest.raises(RecipeError, match="expected a number"):
        predict(bundle, Inputs(image=one_scene(scenes_view), options={"min_score": "high"}))


def test_another_models_bundle_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="expected a detector"):
        load_detector(save_random_aligner(tmp_path / "aligner"))
