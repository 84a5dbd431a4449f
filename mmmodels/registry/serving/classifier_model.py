"""The served classifier, logged as code: image, text, audio -> the likeliest label and the probability of each."""

from pathlib import Path
from typing import Any

import pandas as pd  # type: ignore[import-untyped]
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from mmmodels.registry.serving.columns import media, refusing_bad_media


class ClassifierModel(PythonModel):
    """Answers with the columns label and probabilities (label -> probability)."""

    def load_context(self, context: PythonModelContext) -> None:
        from mmmodels.tasks.classification import load_classifier

        self.classifier = load_classifier(Path(context.artifacts["bundle"]))

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002 - called by name
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> pd.DataFrame:
        labels = self.classifier.labels
        with refusing_bad_media():
            probabilities = self.classifier.predict_proba(*media(model_input))
        answers = {
            "label": [labels[row.argmax()] for row in probabilities],
            "probabilities": [dict(zip(labels, map(float, row), strict=True)) for row in probabilities],
        }
        return pd.DataFrame(answers, index=model_input.index)


set_model(ClassifierModel())
