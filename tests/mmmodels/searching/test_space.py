"""Expressions of a search: what they mean, and what is said of those that mean nothing."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmmodels.errors import RecipeError
from mmmodels.recipes import find_recipe
from mmmodels.searching.space import check, parse, settings_of


def test_forms_are_read_with_their_bounds():
    rate = parse("training.learning_rate=loguniform(1e-4, 1e-2)")
    assert (rate.setting, rate.form, rate.low, rate.high) == ("training.learning_rate", "loguniform", 1e-4, 1e-2)
    assert parse("model.loss=choice(clip,siglip)").choices == ("clip", "siglip")
    assert [parse("training.warmup_steps=integer(1,3)").value(share) for share in (0, 0.4, 0.99)] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("training.learning_rate", "expected SETTING=FORM"),
        ("=uniform(0,1)", "expected SETTING=FORM"),
        ("a=__import__('os').system('true')", "expected SETTING=FORM"),
        ("a=loguniforn(1,2)", "Did you mean 'loguniform'"),
        ("a=uniform(1)", "expected two numbers"),
        ("a=uniform(2,1)", "LOW below HIGH"),
        ("a=uniform(0,inf)", "both finite"),
        ("a=loguniform(0,1)", "above 0"),
        ("a=integer(1.5,2)", "expected two whole numbers"),
        ("a=choice(one)", "two different values"),
        ("a=choice(one,one)", "two different values"),
        ("a=choice(one,)", "none of them empty"),
    ],
)
def test_an_expression_that_means_nothing_says_what_was_expected(text: str, reason: str):
    with pytest.raises(RecipeError, match=reason) as told:
        parse(text)
    assert str(told.value).startswith(f"--search {text}")


@given(share=st.floats(0, 1, exclude_max=True), form=st.sampled_from(["uniform", "loguniform", "integer"]))
def test_a_value_lies_within_its_bounds(share: float, form: str):
    assert 1 <= float(parse(f"a={form}(1,9)").value(share)) <= 9


@given(text=st.text(max_size=40))
def test_whatever_is_typed_is_read_or_refused(text: str):
    with suppress(RecipeError):
        parse(text)


def test_what_the_recipe_does_not_have_or_take_is_refused():
    recipe = find_recipe("tiny")
    for text, reason in (
        ("training.learning_rat=uniform(0,1)", "--search training.learning_rat: .*Did you mean 'learning_rate'"),
        ("training.num_steps=uniform(1,2.5)", "expected int"),
        ("model.loss=choice(clip,sigllip)", "Did you mean 'siglip'"),
    ):
        with pytest.raises(RecipeError, match=reason):
            check([parse(text)], recipe, {})
    rate = parse("training.learning_rate=uniform(0.1,1)")
    for dimensions, overrides in (([rate, rate], {}), ([rate], {"training.learning_rate": "1"})):
        with pytest.raises(RecipeError, match="given twice"):
            check(dimensions, recipe, overrides)


def test_a_search_with_more_trials_begins_with_the_same_ones_and_repeats_none():
    dimensions = [parse("a=loguniform(1e-4,1e-2)"), parse("b=choice(x,y)")]
    few, many = (settings_of(dimensions, num_trials=number, seed=3) for number in (4, 16))
    assert many[:4] == few
    assert len({tuple(one.values()) for one in many}) == 16
    assert settings_of(dimensions, num_trials=4, seed=4) != few
    assert len(settings_of([parse("b=choice(x,y)")], num_trials=9, seed=0)) == 2
