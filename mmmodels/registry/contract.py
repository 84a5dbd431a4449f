"""What a served model takes and gives: columns of a request and of its answer, and an example of one."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mmmodels.recipes import MODALITIES
from pipelines.storage import read_json

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

Kind = Literal["aligner", "classifier"]


def modalities_of(bundle: Path) -> list[str]:
    """Of the model in it, in the order of a request's columns."""
    config: Any = read_json(str(bundle / "config.json"))
    return [name for name in MODALITIES if name in config["recipe"]["model"]["modalities"]]


def signature(kind: Kind, modalities: Sequence[str] = MODALITIES) -> "ModelSignature":
    """The columns of a request and of its answer; every input column may be absent."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import Array, Map

    known = {"image": DataType.binary, "text": DataType.string, "audio": DataType.binary}
    types = {name: known[name] for name in modalities}
    inputs: list[Any] = [ColSpec(of, name, required=False) for name, of in types.items()]
    vectors: list[Any] = [ColSpec(Array(DataType.double), f"{name}_embedding", required=False) for name in types]
    answer: list[Any] = [ColSpec(DataType.string, "label"), ColSpec(Map(DataType.double), "probabilities")]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(vectors if kind == "aligner" else answer))


def input_example() -> Any:
    """One row that every model can answer: a red disc, its name, and a third of a second of a 440 Hz tone."""
    import numpy as np
    import pandas as pd  # type: ignore[import-untyped]
    import soundfile
    from PIL import Image, ImageDraw

    drawing = Image.new("RGB", (64, 64), "white")
    ImageDraw.Draw(drawing).ellipse((12, 12, 52, 52), fill="red")
    image, audio = io.BytesIO(), io.BytesIO()
    drawing.save(image, "PNG")
    wave = 0.3 * np.sin(2 * np.pi * 440 / 16_000 * np.arange(5_333))
    soundfile.write(audio, wave, 16_000, format="FLAC", subtype="PCM_16")
    return pd.DataFrame({"image": [image.getvalue()], "text": ["red circle"], "audio": [audio.getvalue()]})
