"""The columns of a request: what every served model reads from the frame that MLflow hands it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd  # type: ignore[import-untyped]
from mlflow.exceptions import MlflowException

from mmmodels.errors import RecipeError
from pipelines.errors import SampleError

INPUTS = ("image", "text", "audio")
"""Bytes of a picture file, text, bytes of a sound file; any may be absent, as a column or as a value."""


def media(frame: pd.DataFrame) -> tuple[list[bytes | None], list[str | None], list[bytes | None]]:
    """The images, texts and clips of the rows; refuses (HTTP 400) a request with none of the three columns."""
    if not set(INPUTS) & set(frame.columns):
        raise MlflowException.invalid_parameter_value(f"No column of {', '.join(INPUTS)} in the request: name one.")
    images, texts, clips = (_column(frame, name) for name in INPUTS)
    return images, texts, clips


def _column(frame: pd.DataFrame, name: str) -> list:  # type: ignore[type-arg]
    """The values, None for what pandas calls missing (None, NaN), what is empty, and a column that is not there.

    In JSON an empty string has to stand for absent media: MLflow cannot decode a null in a column of base64.
    """
    if name not in frame.columns:
        return [None] * len(frame)
    values = frame[name]
    return [None if absent or not value else value for value, absent in zip(values, values.isna(), strict=True)]


@contextmanager
def refusing_bad_media() -> Iterator[None]:
    """Answer what does not decode, or what the model has no tower for, with HTTP 400 and the reason, not with 500."""
    try:
        yield
    except (SampleError, RecipeError) as error:
        raise MlflowException.invalid_parameter_value(str(error)) from error
