"""Two tiny aligners on complementary halves: nobody is scored by a model that saw them."""

import json

import numpy as np
import pytest

from mmmodels.__main__ import VERBS
from mmmodels.alignment.scoring import trained_on
from mmmodels.errors import RecipeError
from mmmodels.preparing import prepare
from mmmodels.recipes import find_recipe
from mmmodels.scoring.crossfitting import judges_of
from mmmodels.scoring.finding import find_scorer
from pipelines.signals.files import read_signals
from pipelines.signals.folds import fold_column
from pipelines.verbs import run_verb
from tests.mmmodels.small import SMALL, save_random_aligner


def test_what_is_left_out_is_in_no_pool_and_in_no_text_of_the_tokenizer(patterns_view):
    config = find_recipe("tiny", SMALL).model
    whole = prepare(patterns_view, config=config)
    halves = [prepare(patterns_view, config=config, without_fold=fold) for fold in (0, 1)]
    for fold, half in enumerate(halves):
        assert set(fold_column(half.table["group"])) == {1 - fold}
    groups = [set(half.column("group")) for half in halves]
    assert not groups[0] & groups[1]
    assert groups[0] | groups[1] == set(whole.column("group"))
    assert set(halves[0].texts) < set(whole.texts)


def test_the_half_that_was_left_out_is_not_in_sample(patterns_view):
    provenance = {"view": patterns_view.view, "view_digest": patterns_view.digest}
    halves = [trained_on(patterns_view.layout, provenance | {"without_fold": fold}) for fold in (0, 1)]
    assert not halves[0] & halves[1]
    assert halves[0] | halves[1] == trained_on(patterns_view.layout, provenance)


@pytest.mark.slow
def test_a_recipe_is_cross_fitted_from_a_shell(patterns_view, mlflow_uri, capsys):
    layout, snapshot = patterns_view.layout, patterns_view.snapshots[0]
    place = ["--root", layout.root, "--corpus", snapshot.corpus, "--snapshot", snapshot.snapshot, "--workers", "1"]
    settings = [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]
    view = ["--cross-fit", "--view", f"{patterns_view.view}/{patterns_view.digest}", "--tracking-uri", mlflow_uri]
    assert run_verb("mmmodels", VERBS, ["score", "tiny", *view, *settings, *place, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])["snapshots"][str(snapshot)]
    assert answer["num_in_sample"] == 0
    table = read_signals(layout, snapshot, [answer["key"]])
    folds = np.array(table["scoring_fold"].to_pylist())
    assert set(folds) == {0, 1}
    assert not any(table["in_sample"].to_pylist())
    assert table["image_text_score"].null_count == 0
    score, rank = (table[name].to_numpy() for name in ("image_text_score", "image_text_score_percentile"))
    for fold in (0, 1):
        assert rank[folds == fold].max() == 100
        assert rank[folds == fold][score[folds == fold].argmin()] == pytest.approx(100 / (folds == fold).sum(), rel=0.5)


@pytest.mark.parametrize("folds", [(-1, 0), (1, 1), (-1, -1)])
def test_models_that_were_not_trained_for_it_are_refused(folds, tmp_path, patterns_view):
    bundles = [save_random_aligner(tmp_path / str(n), seed=n, without_fold=fold) for n, fold in enumerate(folds)]
    scorers = [find_scorer(str(bundle), tracking_uri="", cache=str(tmp_path)) for bundle in bundles]
    with pytest.raises(RecipeError, match="expected one without fold 0 and one without fold 1"):
        judges_of(scorers, patterns_view.layout)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tiny", "--cross-fit"], "nothing to train on. Name a view"),
        (["a", "b"], "2 models, expected 1"),
        (["a", "--cross-fit"], "expected two bundles or one of"),
        (["a", "--workers", "0"], "expected 1 or more"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(arguments, said, patterns_view, capsys):
    assert run_verb("mmmodels", VERBS, ["score", *arguments, "--root", patterns_view.layout.root]) == 1
    assert said in capsys.readouterr().err
