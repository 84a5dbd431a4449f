"""Sentiment of a sample, negative, neutral or positive, from text, picture, sound or any subset of them.

The same model as classification: what differs is where the labels come from and which baseline it is held against.
"""

from pathlib import Path
from typing import Any

from mmmodels.errors import RecipeError
from mmmodels.preparing import Prepared, Rows
from mmmodels.recipes import Recipe
from mmmodels.tasks import classification
from mmmodels.tasks.emoji_sentiment import NEGATIVE, NEUTRAL, POSITIVE
from mmmodels.tasks.inputs import Inputs
from mmmodels.tasks.labelling import AGREEMENT

SENTIMENTS = (NEGATIVE, NEUTRAL, POSITIVE)


def task_of(recipe: Recipe, data: Rows | Prepared, parent: Path | None) -> classification.ClassificationTask:
    """Of the register; RecipeError where the labels are not sentiments."""
    if recipe.fusion.labels == AGREEMENT:
        raise RecipeError(
            "fusion.labels=agreement: no sentiment. Use the recipe classify_tiny, or fusion.labels=emosent."
        )
    task = classification.task_of(recipe, data, parent)
    assert isinstance(task, classification.ClassificationTask)
    strange = sorted(set(task.labels) - set(SENTIMENTS))
    if strange:
        raise RecipeError(
            f"fusion.labels={recipe.fusion.labels}: has {strange[0]!r}, expected {', '.join(SENTIMENTS)}. Name a label "
            "file with these, or use the recipe classify_tiny."
        )
    return task


def predict(bundle: str, inputs: Inputs) -> dict[str, Any]:
    """Sentiment -> probability, the likeliest first."""
    return classification.predict(bundle, inputs)
