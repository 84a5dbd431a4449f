"""A trained aligner as an encoder of raw media: what signals, serving and evaluation use."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from mmmodels.alignment.model import TriModal
from mmmodels.batches import decode_clip, decode_image
from mmmodels.towers.tokenizers import tokenize

BATCH = 256


class Aligner:
    """Implements `pipelines.signals.alignment.Encoder`: media to float32 unit vectors (n, embed_dim)."""

    def __init__(self, model: TriModal, *, tokenizer: Tokenizer, digest: str) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.digest = digest

    @property
    def embed_dim(self) -> int:
        """Length of a vector."""
        return self.model.config.embed_dim

    def embed_images(self, images: Sequence[bytes]) -> NDArray[np.float32]:
        """JPEG, PNG or WebP bytes; SampleError for one that does not decode."""
        config = self.model.config.image
        return self._embed("image", images, lambda part: np.stack([decode_image(data, config=config) for data in part]))

    def embed_audio(self, clips: Sequence[bytes]) -> NDArray[np.float32]:
        """FLAC, WAV, OGG or MP3 bytes; SampleError for one that does not decode."""
        config = self.model.config.audio
        return self._embed("audio", clips, lambda part: np.stack([decode_clip(data, config=config) for data in part]))

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Texts of any language."""
        config = self.model.config.text
        return self._embed("text", texts, lambda part: tokenize(self.tokenizer, part, config=config).numpy())

    def embed_tensor(self, modality: str, inputs: NDArray[np.generic]) -> NDArray[np.float32]:
        """Already decoded media: uint8 (n, 3, H, W), int64 (n, L) or int16 (n, N)."""
        return self._embed(modality, inputs, lambda part: part)

    def _embed(
        self, modality: str, items: Sequence[object] | NDArray[np.generic], decode: Callable[..., NDArray[np.generic]]
    ) -> NDArray[np.float32]:
        self.model.tower(modality)  # refused by name before anything is decoded
        vectors = [np.zeros((0, self.embed_dim), dtype=np.float32)]
        with torch.inference_mode():
            for start in range(0, len(items), BATCH):
                inputs = torch.from_numpy(np.ascontiguousarray(decode(items[start : start + BATCH])))
                vectors.append(self.model.embed(modality, inputs).numpy())
        return np.concatenate(vectors)
