"""A search end to end: trials under one run of MLflow, the bad ones stopped, none of them trained twice."""

import json

import pytest

from mmmodels.__main__ import VERBS
from mmmodels.errors import RecipeError
from mmmodels.preparing import Mixture
from mmmodels.searching.search import Search
from mmmodels.searching.space import parse
from mmmodels.searching.trials import Ledger, Trial, best_of
from mmmodels.tracking import open_client
from pipelines.storage import read_json
from pipelines.verbs import run_verb
from tests.mmmodels.small import SMALL


def answer(capsys, *arguments):
    assert run_verb("mmmodels", VERBS, [*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def trial(number: int, state: str, *values: float) -> Trial:
    reports = [(2 * (place + 1), value) for place, value in enumerate(values)]
    return Trial(number=number, settings={"a": str(number)}, run_key=f"{number}", state=state, reports=reports)


def test_the_best_trial_is_one_that_went_to_the_end():
    trials = [trial(0, "stopped", 1.0), trial(1, "finished", 3.0, 2.0), trial(2, "finished", 2.5), trial(3, "failed")]
    assert best_of(trials, "min") is trials[1]
    assert best_of(trials, "max") is trials[2]
    assert best_of(trials[:1], "min") is trials[0]
    assert best_of(trials[3:], "min") is None


def test_a_trial_is_known_again_unless_its_code_or_data_changed(tmp_path):
    ledger, known = Ledger(str(tmp_path)), trial(1, "finished", 3.0)
    ledger.write(known)
    assert ledger.read(1, {"a": "1"}, "1") == known
    assert ledger.read(1, {"a": "1"}, "another key").state == "waiting"
    assert ledger.read(2, {"a": "2"}, "2").reports == []


def test_losses_of_different_kinds_are_not_compared(patterns_view):
    for setting in ("model.loss=choice(clip,siglip)", "training.batch_size=choice(8,16)"):
        with pytest.raises(RecipeError, match="validation_ranking"):
            Search(
                recipe="tiny",
                overrides={},
                dimensions=(parse(setting),),
                mixture=Mixture(parts=((patterns_view, 1.0),)),
                num_trials=2,
            )


@pytest.mark.ray
@pytest.mark.slow
def test_a_search_goes_on_where_it_was_left(patterns_view, mlflow_uri, capsys):
    rate = "training.learning_rate=loguniform(1e-6,1e-2)"
    settings = SMALL | {"training.checkpoint_every_steps": "2", "training.warmup_steps": "1"}
    arguments = ["tune", "tiny", "--root", patterns_view.layout.root, "--view", f"{patterns_view.view}"]
    arguments += ["--search", rate, "--tracking-uri", mlflow_uri, "--reduction", "2", "--at-once", "2"]
    arguments += [f"--set={name}={value}" for name, value in settings.items()]
    first = answer(capsys, *arguments, "--trials", "2")
    again = answer(capsys, *arguments, "--trials", "5")
    assert again["search"] == first["search"]
    unnamed = [[{**row, "trial": ""} for row in found["trials"][:2]] for found in (first, again)]
    assert unnamed[0] == unnamed[1]
    states = [row["state"] for row in again["trials"]]
    assert "finished" in states
    assert set(states) <= {"finished", "stopped"}
    client = open_client(mlflow_uri)
    parent = client.get_run(again["mlflow_run_id"])
    children = client.search_runs([parent.info.experiment_id], f"tags.mlflow.parentRunId = '{parent.info.run_id}'")
    assert {run.data.tags["run_key"] for run in children} == {row["run_key"] for row in again["trials"]}
    (best,) = [run for run in children if run.data.tags["best"] == "true"]
    assert best.data.tags["run_key"] == parent.data.tags["best.run_key"]
    assert again["best"] == f"--set training.learning_rate={best.data.params['training.learning_rate']}"
    losses = {row["run_key"]: row["validation_loss"] for row in again["trials"] if row["state"] == "finished"}
    assert losses[parent.data.tags["best.run_key"]] == min(losses.values())
    for key in losses:
        result = read_json(f"{patterns_view.layout.checkpoints(key)}/result.json")
        history = client.get_metric_history(result["mlflow_run_id"], "loss")
        assert [point.step for point in history] == [2, 4, 6, 8]
