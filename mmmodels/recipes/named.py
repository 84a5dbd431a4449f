"""The recipes by name: each is a function, most derive from another by a few assignments."""

from collections.abc import Callable, Mapping

from mmmodels.errors import RecipeError
from mmmodels.recipes.training import Recipe, TrainingConfig
from mmmodels.recipes.values import nearest, overridden


def tiny() -> Recipe:
    """A tri-modal aligner in CPU minutes."""
    mixture = {"triple": 3, "image_text": 1, "audio_text": 1, "image_audio": 1}
    return Recipe(name="tiny", task="align", mixture=mixture)


def classify_tiny() -> Recipe:
    """A classifier of a sample's first tag over image, text and audio, on top of an aligner."""
    training = TrainingConfig(
        num_steps=60,
        batch_size=192,
        learning_rate=1e-3,
        warmup_steps=10,
        weight_decay=0.02,
        checkpoint_every_steps=20,
        num_workers=0,  # half a minute of work: starting a cluster for it would take as long
    )
    return Recipe(name="classify_tiny", task="classify", training=training, mixture={"labelled": 1})


RECIPES: dict[str, Callable[[], Recipe]] = {recipe.__name__: recipe for recipe in (tiny, classify_tiny)}


def find_recipe(name: str, overrides: Mapping[str, str] | None = None) -> Recipe:
    """The recipe of that name with typed overrides such as `training.num_steps=50`; RecipeError names the nearest."""
    if name not in RECIPES:
        raise RecipeError(f"recipe {name!r}: there is none of that name. {nearest(name, list(RECIPES))}")
    return overridden(RECIPES[name](), overrides or {})
