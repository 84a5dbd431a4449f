"""The verb `plan`: what it says of a sample is where the plan reads it."""

import json

import pyarrow.parquet as pq
import pytest

from mmmodels.__main__ import VERBS
from pipelines.verbs import run_verb
from tests.mmmodels.small import SMALL


def answer(capsys, *arguments, code=0):
    assert run_verb("mmmodels", VERBS, ["plan", *arguments, "--json"]) == code
    out = capsys.readouterr()
    return out.err if code else json.loads(out.out.splitlines()[-1])


@pytest.fixture
def asked(patterns_view):
    settings = [part for key, value in SMALL.items() for part in ("--set", f"{key}={value}")]
    name = f"{patterns_view.view}/{patterns_view.digest[:12]}"
    return ["--root", patterns_view.layout.root, "--recipe", "tiny", *settings, "--steps", "3:40", "--view", name]


def test_the_written_plan_has_every_reading_and_a_uid_is_found_where_it_stands(asked, tmp_path, capsys):
    path = tmp_path / "plan.parquet"
    said = answer(capsys, *asked, "--ranks", "4", "--output", str(path))
    written = pq.read_table(path).to_pylist()
    assert said["num_readings"] == len(written) == 37 * 16
    assert [(row["step"], row["place"]) for row in written] == [(s, p) for s in range(3, 40) for p in range(16)]
    assert {(row["place"], row["rank"]) for row in written} == {(place, place // 4) for place in range(16)}
    uid = written[100]["uid"]
    found = answer(capsys, *asked, "--ranks", "4", "--uid", uid)
    names = ("uid", "step", "place", "rank", "epoch", "kind", "text")
    wanted = [{name: row[name] for name in names} for row in written if row["uid"] == uid]
    assert found["readings"] == wanted
    assert found["plan"] == said["plan"]


def test_the_plan_is_the_one_that_training_follows(asked, patterns_view, patterns_data, tmp_path, capsys):
    from mmmodels.planning import Plan
    from mmmodels.recipes import find_recipe
    from mmmodels.tasks.alignment import AlignmentTask

    recipe = find_recipe("tiny", SMALL)
    plan = Plan(
        pools=AlignmentTask(recipe=recipe, data=patterns_data).pools(),
        mixture=recipe.mixture,
        batch_size=16,
        view_digest=patterns_view.effective_digest,
        seed=0,
    )
    path = tmp_path / "plan.parquet"
    assert answer(capsys, *asked, "--output", str(path))["plan"] == plan.digest
    uids = patterns_data.column("uid")
    trained = [uids[row] for step in range(3, 40) for row in plan.entries(step)[:, 0]]
    assert pq.read_table(path)["uid"].to_pylist() == trained


def test_a_view_of_weight_a_third_is_read_a_third_as_often(asked, capsys):
    whole = answer(capsys, *asked)["kinds"][0]
    both = answer(capsys, *asked, "--view", asked[-1] + "=0.3")["kinds"][0]
    assert both["entries"] == 2 * whole["entries"]
    assert both["readings an epoch"] == pytest.approx(1.3 * whole["readings an epoch"], rel=0.1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--uid", "f" * 32], "not among the samples"),
        (["--steps", "9:3"], "expected A:B"),
        (["--steps", "9"], "expected A:B"),
        (["--ranks", "3", "--uid", "SOME"], "does not divide"),
        (["--view", "patterns/0000=x"], "no number of readings"),
        (["--output", "nowhere/plan.parquet"], "Name a file in a folder"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(arguments, said, asked, patterns_data, capsys):
    if "patterns/0000=x" in arguments:
        arguments = ["--view", asked[-1] + "=x"]
    rows = patterns_data.in_split("train").nonzero()[0]
    arguments = [patterns_data.column("uid")[rows[0]] if one == "SOME" else one for one in arguments]
    error = answer(capsys, *asked, *arguments, code=1)
    assert said in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    "recipe", ["classify_tiny", "caption_tiny", "transcribe_tiny", "reconstruct_tiny", "retrieve_tiny"]
)
def test_every_task_that_a_view_has_samples_for_has_a_plan(patterns_view, capsys, recipe):
    view = f"{patterns_view.view}/{patterns_view.digest[:12]}"
    small = ["--set", "training.batch_size=4", "--set", "generator.languages=en,fr", "--steps", "0:3"]
    said = answer(capsys, "--root", patterns_view.layout.root, "--recipe", recipe, *small, "--view", view)
    assert said["kinds"]
