"""What a search may choose: expressions such as loguniform(1e-4,1e-2), read by a grammar of their own.

Trials take their settings from a Halton sequence (Halton 1964; as good as random search and more even, Bousquet et al.
2017), so that the settings of trial i hang on the seed alone: a search with more trials begins with the same ones.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scipy.stats import qmc

from mmmodels.errors import RecipeError
from mmmodels.recipes import Recipe, find_recipe
from mmmodels.recipes.values import nearest

FORMS = ("uniform(LOW,HIGH)", "loguniform(LOW,HIGH)", "integer(LOW,HIGH)", "choice(A,B,...)")
_FORM = re.compile(r"(\w+)\s*\(([^()]*)\)")
_TRIES = 50
"""Points that are drawn for one new setting before the space counts as used up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Dimension:
    """One setting of a recipe and the values that it may take."""

    setting: str
    form: Literal["uniform", "loguniform", "integer", "choice"]
    low: float = 0.0
    high: float = 1.0
    choices: tuple[str, ...] = ()

    def value(self, share: float) -> str:
        """The value at a share in [0, 1) of the space, as it is typed after --set: what is trained is what is told."""
        if self.form == "choice":
            return self.choices[int(share * len(self.choices))]
        if self.form == "integer":
            return str(int(self.low + share * (self.high - self.low + 1)))
        if self.form == "uniform":
            return f"{self.low + share * (self.high - self.low):.4g}"
        return f"{math.exp(math.log(self.low) + share * (math.log(self.high) - math.log(self.low))):.4g}"

    def ends(self) -> tuple[str, ...]:
        """Values that a recipe must take if it takes any."""
        return self.choices or (self.value(0.0), self.value(1 - 1e-12))


def parse(text: str) -> Dimension:
    """Of SETTING=FORM(...); RecipeError says what was expected."""
    setting, equals, expression = text.partition("=")
    match = _FORM.fullmatch(expression.strip())
    if not equals or not setting.strip() or match is None:
        raise RecipeError(f"--search {text}: expected SETTING=FORM. Write one of {', '.join(FORMS)} as FORM.")
    form, arguments = match[1], [part.strip() for part in match[2].split(",")]
    if form == "choice":
        return _choice(text, setting.strip(), arguments)
    if form not in ("uniform", "loguniform", "integer"):
        raise RecipeError(f"--search {text}: there is no form {form!r}. {nearest(form, _names())}")
    low, high = _bounds(text, form, arguments)
    return Dimension(setting=setting.strip(), form=form, low=low, high=high)  # type: ignore[arg-type]


def _names() -> list[str]:
    return [form.partition("(")[0] for form in FORMS]


def _choice(text: str, setting: str, choices: list[str]) -> Dimension:
    if not all(choices) or len(set(choices)) != len(choices) or len(choices) < 2:
        raise RecipeError(f"--search {text}: expected two different values or more, none of them empty. List them.")
    return Dimension(setting=setting, form="choice", choices=tuple(choices))


def _bounds(text: str, form: str, arguments: list[str]) -> tuple[float, float]:
    try:
        low, high = (float(int(one) if form == "integer" else float(one)) for one in arguments)
    except ValueError as error:
        kind = "whole numbers" if form == "integer" else "numbers"
        raise RecipeError(f"--search {text}: expected two {kind}. Write {form}(LOW,HIGH).") from error
    if not (math.isfinite(low) and math.isfinite(high) and low < high) or (form == "loguniform" and low <= 0):
        above = " above 0" if form == "loguniform" else ""
        raise RecipeError(f"--search {text}: expected LOW below HIGH, both finite{above}. Change the bounds.")
    return low, high


def check(dimensions: Sequence[Dimension], recipe: Recipe, overrides: dict[str, str]) -> None:
    """RecipeError where the recipe has no such setting, or it does not take such values."""
    names = [dimension.setting for dimension in dimensions]
    for name in names:
        if name in overrides or names.count(name) > 1:
            raise RecipeError(f"--search {name}: is given twice. Name each setting once, by --search or by --set.")
    for dimension in dimensions:
        for value in dimension.ends():
            try:
                find_recipe(recipe.name, overrides | {dimension.setting: value})
            except RecipeError as error:
                raise RecipeError(str(error).replace("--set", "--search", 1)) from error


def settings_of(dimensions: Sequence[Dimension], *, num_trials: int, seed: int) -> list[dict[str, str]]:
    """Settings of the trials, no two alike; fewer than asked for where the space has no more."""
    sequence = qmc.Halton(len(dimensions), scramble=True, seed=seed)
    found: list[dict[str, str]] = []
    for _ in range(_TRIES * num_trials):
        (point,) = sequence.random(1)
        settings = {one.setting: one.value(float(share)) for one, share in zip(dimensions, point, strict=True)}
        if settings not in found:
            found.append(settings)
        if len(found) == num_trials:
            break
    return found
