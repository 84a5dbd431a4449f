"""Two aligners that never saw what they score: each is trained without the half of the groups that it judges."""

from collections.abc import Mapping, Sequence

from mmmodels.alignment.scoring import trained_on
from mmmodels.errors import RecipeError
from mmmodels.recipes import find_recipe
from mmmodels.scoring.finding import Scorer
from pipelines.curation.views import View
from pipelines.layout import Layout
from pipelines.signals.alignment import Judge
from pipelines.signals.folds import NUM_FOLDS


def train_pair(
    recipe: str, settings: Mapping[str, str], *, layout: Layout, view: View, tracking_uri: str
) -> tuple[str, str]:
    """The bundles of a recipe trained without fold 0 and without fold 1; a finished run is found, not repeated.

    It costs two trainings: as many steps each as the recipe says, on half of the samples.
    """
    from mmmodels.training.launch import train

    recipes = [find_recipe(recipe, {**settings, "training.without_fold": str(fold)}) for fold in range(NUM_FOLDS)]
    first, second = (
        train(one, layout=layout, view=view.view, view_digest=view.digest, tracking_uri=tracking_uri).bundle_uri
        for one in recipes
    )
    return first, second


def judges_of(scorers: Sequence[Scorer], layout: Layout) -> tuple[Judge, Judge]:
    """In the order of the folds that they score; `RecipeError` where they were not trained for this."""
    by_fold = {(one.provenance or {}).get("without_fold", -1): one for one in scorers}
    if sorted(by_fold) != list(range(NUM_FOLDS)):
        raise RecipeError(
            f"cross-fitting: models trained without fold {', '.join(map(str, sorted(by_fold)))} (-1: on all), expected "
            "one without fold 0 and one without fold 1. Train them: --set training.without_fold=0, then 1."
        )
    first, second = (
        Judge(encoder=by_fold[fold].encoder, trained_on=trained_on(layout, by_fold[fold].provenance or {}))
        for fold in range(NUM_FOLDS)
    )
    return first, second
