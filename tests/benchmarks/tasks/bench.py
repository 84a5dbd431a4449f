"""Where the tasks' benchmarks train: a root with a curated view and an aligner, as `make demo` leaves it."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mmmodels.evaluation.reports import evaluate
from mmmodels.recipes import find_recipe
from mmmodels.tracking import local_tracking_uri
from mmmodels.training.launch import TrainingResult, train
from pipelines.curation.views import View, find_view
from pipelines.layout import Layout


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Runs are kept under the root: what was trained before is not trained again."""

    root: Path
    """`$TRIVIUM_HOME/root`."""
    view_name: str
    """VIEW or VIEW/DIGEST."""
    num_steps: int | None = None
    """Of every training, in place of the recipe's; for a quick look."""
    seed: int = 0

    @property
    def layout(self) -> Layout:
        return Layout(str(self.root))

    @cached_property
    def view(self) -> View:
        return find_view(self.layout, self.view_name)

    def train(self, recipe: str, *, parent: str | None = None, **settings: str) -> TrainingResult:
        """By a recipe's name in this process; settings are named with `__` for the dot."""
        steps = {"training.num_steps": str(self.num_steps)} if self.num_steps else {}
        given = {name.replace("__", "."): value for name, value in settings.items()}
        common = {"training.num_workers": "0", "training.seed": str(self.seed)}
        return train(
            find_recipe(recipe, common | given | steps),
            layout=self.layout,
            view=self.view.view,
            view_digest=self.view.digest,
            tracking_uri=local_tracking_uri(self.root.resolve().parent / "mlflow"),
            parent_bundle=parent,
        )

    def report(self, bundle: str) -> dict[str, Any]:
        """Of the suite of the bundle's task, on what the view holds out."""
        return evaluate(bundle, layout=self.layout, view=self.view.view, view_digest=self.view.digest)

    @cached_property
    def aligner(self) -> str:
        """The bundle of recipe `tiny`; trained now if this code has not done it on this view."""
        return self.train("tiny").bundle_uri
