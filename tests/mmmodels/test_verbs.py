"""The model verbs from a shell: train, evaluate, embed, score on real files; mistakes in one line."""

import json

import pytest

from mmmodels.__main__ import VERBS
from pipelines.shards.reading import read_shard
from pipelines.verbs import run_verb
from tests.mmmodels.small import SMALL


def run(*arguments):
    return run_verb("mmmodels", VERBS, list(arguments))


def answer(capsys, *arguments):
    assert run(*arguments, "--json") == 0
    return json.loads(capsys.readouterr().out.splitlines()[-1])


@pytest.mark.slow
def test_a_model_is_trained_judged_and_used_from_a_shell(patterns_view, mlflow_uri, tmp_path, capsys):
    view = ["--root", patterns_view.layout.root, "--view", f"{patterns_view.view}/{patterns_view.digest[:12]}"]
    settings = [part for key, value in SMALL.items() for part in ("--set", f"{key}={value}")]
    trained = answer(capsys, "train", "tiny", *view, *settings, "--tracking-uri", mlflow_uri)
    bundle = trained["bundle_uri"]
    report = answer(capsys, "evaluate", bundle, *view)
    assert report["run_key"] == trained["run_key"]

    sample = next(iter(read_shard(patterns_view.layout, patterns_view.snapshots[0], 0)))
    (tmp_path / "image.png").write_bytes(sample.image)
    (tmp_path / "clip.flac").write_bytes(sample.audio)
    files = ["--image", str(tmp_path / "image.png"), "--audio", str(tmp_path / "clip.flac")]
    embedded = answer(capsys, "embed", bundle, *files, "--text", sample.text)
    assert -1 <= embedded["image_text_score"] <= 1
    assert len(embedded["audio"]) == 128

    snapshot = patterns_view.snapshots[0]
    place = ["--root", patterns_view.layout.root, "--corpus", snapshot.corpus, "--snapshot", snapshot.snapshot]
    scored = answer(capsys, "score", bundle, *place)["snapshots"][str(snapshot)]
    assert 0 < scored["num_in_sample"] < scored["num_samples"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["evaluate", "nowhere", "--view", "patterns/0000"], "view patterns/0000"),
        (["train", "tiny", "--view", "patterns", "--set", "training.num_step=1"], "Did you mean 'num_steps'"),
        (["train", "tiny", "--view", "patterns", "--set", "training.num_steps"], "expected KEY=VALUE"),
        (["embed", "nowhere", "--text", "red"], "not a model bundle"),
        (["embed", "nowhere"], "give at least one"),
        (["embed", "nowhere", "--image", "no-such-file.png"], "cannot be read"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(arguments, said, patterns_view, capsys):
    root = [] if arguments[0] == "embed" else ["--root", patterns_view.layout.root]
    assert run(*arguments, *root) == 1
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1
