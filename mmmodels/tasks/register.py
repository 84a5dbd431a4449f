"""What a recipe's task word stands for: its module, its evaluation, whether it starts from another model."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from mmmodels.recipes import Recipe


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskKind:
    """One task."""

    module: str
    """Imported where it is used: it has `task_of(recipe, data, parent)`, which gives a `training.loop.Task`, and
    `predict(bundle, inputs)`, which answers one `tasks.inputs.Inputs` with JSON-able values, and where answers have a
    form of their own, `rendered(answer, inputs, suffix=".srt")`, which gives its bytes."""
    suite: str
    """Of `evaluation.suites.SUITES`."""
    parent: Literal["none", "optional", "required"] = "none"
    """Whether the model starts from an aligner."""
    columns: tuple[str, ...] = ()
    """Of the view, besides those that every task reads (`preparing.COLUMNS`)."""

    def load(self) -> Any:
        """The module."""
        return import_module(self.module)


KINDS: dict[str, TaskKind] = {
    "align": TaskKind(module="mmmodels.tasks.alignment", suite="retrieval", parent="optional"),
    "reconstruct": TaskKind(module="mmmodels.tasks.reconstruction", suite="reconstruction", parent="optional"),
    "detect": TaskKind(
        module="mmmodels.tasks.detection",
        suite="detection",
        columns=("original_data", "original_width", "original_height"),
    ),
    "classify": TaskKind(module="mmmodels.tasks.classification", suite="classification", parent="optional"),
    "sentiment": TaskKind(module="mmmodels.tasks.sentiment", suite="sentiment", parent="optional"),
    "caption": TaskKind(module="mmmodels.tasks.captioning", suite="captioning", parent="optional"),
    "transcribe": TaskKind(module="mmmodels.tasks.transcription", suite="transcription", columns=("duration_seconds",)),
}


def kind_of(recipe: Recipe) -> TaskKind:
    """Of a recipe's task word."""
    return KINDS[recipe.task]
