"""Recipes: typed overrides, and a run key that depends on exactly what decides the outcome."""

from dataclasses import asdict

import pytest

from mmmodels.errors import RecipeError
from mmmodels.recipes import RECIPES, find_recipe, recipe_from, run_key_of


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_found_by_its_own_name_and_survives_the_way_to_a_worker(name):
    recipe = find_recipe(name)
    assert recipe.name == name
    assert recipe_from(asdict(recipe)) == recipe


def test_an_override_takes_the_type_of_what_it_replaces():
    recipe = find_recipe("tiny", {"training.num_steps": "7", "model.image.std": "0.5", "mixture.triple": "9"})
    assert (recipe.training.num_steps, recipe.model.image.std, recipe.mixture["triple"]) == (7, 0.5, 9)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"training.num_step": "7"}, "Did you mean 'num_steps'"),
        ({"training.num_steps": "many"}, "expected int"),
        ({"training": "7"}, "has parts"),
        ({"training.seed.low": "7"}, "has no parts"),
        ({"mixture.tripel": "1"}, "Did you mean 'triple'"),
    ],
)
def test_a_wrong_override_says_what_is_right(overrides, said):
    with pytest.raises(RecipeError, match=said):
        find_recipe("tiny", overrides)


def test_an_unknown_recipe_names_the_nearest():
    with pytest.raises(RecipeError, match="Did you mean 'tiny'"):
        find_recipe("tinny")


def test_the_run_key_changes_with_data_and_settings_but_not_with_the_number_of_workers():
    key = run_key_of(find_recipe("tiny"), view_digest="a" * 64)
    assert len(key) == 32
    assert key == run_key_of(find_recipe("tiny", {"training.num_workers": "0"}), view_digest="a" * 64)
    assert key != run_key_of(find_recipe("tiny", {"training.seed": "1"}), view_digest="a" * 64)
    assert key != run_key_of(find_recipe("tiny"), view_digest="b" * 64)
    assert key != run_key_of(find_recipe("tiny"), view_digest="a" * 64, parent="c")
