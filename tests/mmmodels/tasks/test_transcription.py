"""Speech recognition end to end: a run, its report beside the nearest neighbour, an answer, and what is refused."""

import pytest

from mmmodels.errors import CheckpointError, RecipeError
from mmmodels.evaluation.reports import evaluate
from mmmodels.preparing import Mixture, open_rows
from mmmodels.recipes import find_recipe
from mmmodels.speech.transcribing import load_transcriber
from mmmodels.tasks.inputs import Inputs
from mmmodels.tasks.register import KINDS
from mmmodels.tasks.transcription import predict, task_of
from mmmodels.training.launch import train
from pipelines.curation.splits import Split
from pipelines.errors import SampleError
from pipelines.shards.reading import read_shard
from tests.mmmodels.small import SMALL

SPEECH = SMALL | {
    "speech.width": "32",
    "speech.convolutions": "1",
    "model.audio.num_frames": "80",
    "training.batch_size": "4",
}


@pytest.fixture(scope="module")
def bundle(patterns_view, mlflow_uri):
    """A recogniser after a few steps."""
    recipe = find_recipe("transcribe_tiny", SPEECH)
    place = {"view": patterns_view.view, "view_digest": patterns_view.digest, "layout": patterns_view.layout}
    return train(recipe, tracking_uri=mlflow_uri, **place).bundle_uri


def clip(view) -> bytes:
    return next(sample.audio for sample in read_shard(view.layout, view.snapshots[0], 0) if sample.audio)


def test_a_clip_of_training_is_in_one_kind_of_batch_and_held_out_ones_are_in_none(patterns_view):
    recipe = find_recipe("transcribe_tiny", SPEECH)
    rows = open_rows(Mixture(parts=((patterns_view, 1.0),)), columns=KINDS["transcribe"].columns)
    task = task_of(recipe, rows, None)
    trained = [row for pool in task.pools().values() for row in pool.entries[:, 0].tolist()]
    assert len(trained) == len(set(trained))
    assert set(trained) == set(task.spoken.usable(Split.TRAIN).nonzero()[0].tolist())


def test_every_held_out_clip_is_asked_and_its_errors_stand_beside_the_nearest_neighbours(bundle, patterns_view):
    place = {"view": patterns_view.view, "view_digest": patterns_view.digest, "layout": patterns_view.layout}
    report = evaluate(bundle, **place)
    metrics = report["metrics"]
    assert metrics["language/en/cer"]["n"] > 0
    for name in ("language/en/cer", "nearest_neighbour/language/en/cer"):
        assert metrics[name]["low"] <= metrics[name]["value"] <= metrics[name]["high"]
    assert report["suite"] == "transcription"


@pytest.mark.parametrize("options", [{"beam": "0"}, {"beam": "4"}])
def test_an_answer_is_of_the_models_characters(bundle, patterns_view, options):
    answer = predict(bundle, Inputs(audio=clip(patterns_view), language="en", options=options))
    assert set(answer["text"]) <= set(load_transcriber(bundle).alphabet.characters)


def test_what_is_no_clip_is_refused(bundle, patterns_view):
    with pytest.raises(RecipeError, match="--audio"):
        predict(bundle, Inputs(text="cat"))
    with pytest.raises(SampleError):
        predict(bundle, Inputs(audio=b"no sound", language="en"))
    with pytest.raises(RecipeError, match="tlh"):
        predict(bundle, Inputs(audio=clip(patterns_view), language="tlh"))


def test_a_model_of_another_task_is_refused(tmp_path):
    from tests.mmmodels.small import save_random_aligner

    with pytest.raises(CheckpointError, match="align"):
        load_transcriber(str(save_random_aligner(tmp_path)))
