"""Recipes: typed overrides, and a run key that depends on exactly what decides the outcome."""

import json
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
    assert (recipe.training.num_steps, recipe.model.image.std, recipe.mixture["triple"]) == (7, (0.5,), 9)


def test_choices_lists_truths_and_what_may_be_none_are_typed_too():
    settings = {"training.compiles": "true", "model.loss": "siglip", "model.image.mean": "0.48, 0.46,0.41"}
    recipe = find_recipe("tiny", settings | {"model.audio.depths": "1,1", "model.image.layers": "2"})
    assert recipe.training.compiles is True
    assert (recipe.model.loss, recipe.model.image.mean) == ("siglip", (0.48, 0.46, 0.41))
    assert (recipe.model.audio.depths, recipe.model.image.layers) == ((1, 1), 2)
    assert find_recipe("tiny", {"model.audio.depths": "none"}).model.audio.depths is None
    assert recipe_from(json.loads(json.dumps(asdict(recipe)))) == recipe


def test_a_dictionary_with_a_setting_that_is_not_known_is_refused_by_name():
    config = asdict(find_recipe("tiny"))
    config["model"]["image"]["size_pixel"] = 8
    with pytest.raises(RecipeError, match=r"recipe\.model\.image\.size_pixel.*Did you mean 'size_pixels'"):
        recipe_from(config)


def test_the_hub_decides_which_pairs_are_trained():
    assert find_recipe("tiny", {"model.hub": "text"}).model.pairs == (("image", "text"), ("text", "audio"))
    assert find_recipe("tiny", {"model.hub": "image"}).model.pairs == (("image", "text"), ("image", "audio"))
    assert len(find_recipe("tiny").model.pairs) == 3


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"training.num_step": "7"}, "Did you mean 'num_steps'"),
        ({"training.num_steps": "many"}, "expected int"),
        ({"training": "7"}, "has parts"),
        ({"training.seed.low": "7"}, "has no parts"),
        ({"mixture.tripel": "1"}, "Did you mean 'triple'"),
        ({"training.precision": "bf61"}, "Did you mean 'bf16'"),
        ({"training.compiles": "maybe"}, "expected bool"),
        ({"training.learning_rate": "nan"}, "expected float"),
        ({"model.image.std": "0.5,wide"}, "expected float"),
        ({"model.audio.depths": "2,x"}, "expected int"),
        ({"model.modalities": "image,smell"}, "There are: audio, image, text"),
        ({"model.modalities": "image"}, "no pair to train"),
        ({"model.hub": "text", "model.modalities": "image,audio"}, "no pair to train"),
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
