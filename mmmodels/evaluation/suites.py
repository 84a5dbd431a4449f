"""The evaluations by name: which module asks the questions, and what decides them."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Suite:
    """One evaluation."""

    module: str
    """Imported where it is used: it has `PROTOCOL`, a JSON-able account of every choice that the figures hang on, and
    `measure(bundle_uri, data)`, which gives (details, queries). Details hold `metrics`, name -> value, low, high, n and
    chance, and may hold `pictures`, name -> PNG; queries have a row for each question: metric, uid, group, hit."""

    def load(self) -> Any:
        """The module."""
        return import_module(self.module)


SUITES: dict[str, Suite] = {
    "retrieval": Suite(module="mmmodels.evaluation.aligning"),
    "classification": Suite(module="mmmodels.evaluation.classifying"),
    "reconstruction": Suite(module="mmmodels.evaluation.reconstructing"),
    "detection": Suite(module="mmmodels.evaluation.detecting"),
    "sentiment": Suite(module="mmmodels.evaluation.sentiments"),
    "captioning": Suite(module="mmmodels.evaluation.captioning"),
    "transcription": Suite(module="mmmodels.evaluation.transcribing"),
}
