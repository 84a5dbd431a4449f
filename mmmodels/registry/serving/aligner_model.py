"""The served aligner, logged as code: image, text, audio -> one unit vector for each that is there."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd  # type: ignore[import-untyped]
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from mmmodels.registry.serving.columns import media, refusing_bad_media


class AlignerModel(PythonModel):
    """Answers with the columns image_embedding, text_embedding, audio_embedding; null where the input was."""

    def load_context(self, context: PythonModelContext) -> None:
        from mmmodels.alignment.bundle import load_aligner

        self.aligner = load_aligner(Path(context.artifacts["bundle"]))

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002 - called by name
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> pd.DataFrame:
        images, texts, clips = media(model_input)
        with refusing_bad_media():
            vectors = {
                "image_embedding": _embed(self.aligner.embed_images, images),
                "text_embedding": _embed(self.aligner.embed_texts, texts),
                "audio_embedding": _embed(self.aligner.embed_audio, clips),
            }
        vectors = {f"{name}_embedding": vectors[f"{name}_embedding"] for name in self.aligner.model.config.modalities}
        return pd.DataFrame(vectors, index=model_input.index, dtype=object)


def _embed(encode: Callable[[Sequence[Any]], Any], values: Sequence[Any]) -> list[list[float] | None]:
    """One call for the values that are there, put back in their rows."""
    there = [row for row, value in enumerate(values) if value is not None]
    vectors: list[list[float] | None] = [None] * len(values)
    if there:
        for row, vector in zip(there, encode([values[row] for row in there]), strict=True):
            vectors[row] = [float(number) for number in vector]
    return vectors


set_model(AlignerModel())
