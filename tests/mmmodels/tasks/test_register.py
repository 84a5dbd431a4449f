"""The register of tasks: every task word leads to code that trains, answers and is evaluated."""

import json
from typing import get_args

import pytest

from mmmodels.evaluation.suites import SUITES
from mmmodels.recipes import RECIPES
from mmmodels.recipes.training import TaskWord
from mmmodels.tasks.register import KINDS


@pytest.mark.parametrize("word", sorted(KINDS))
def test_every_task_trains_answers_and_is_evaluated(word):
    module, suite = KINDS[word].load(), SUITES[KINDS[word].suite].load()
    assert callable(module.task_of)
    assert callable(module.predict)
    assert callable(suite.measure)
    assert json.loads(json.dumps(suite.PROTOCOL))["version"] >= 1


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_recipe_is_of_a_task_that_there_is(name):
    assert RECIPES[name]().task in KINDS


def test_every_task_of_the_register_may_stand_in_a_recipe():
    assert set(KINDS) <= set(get_args(TaskWord))
