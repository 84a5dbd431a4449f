"""The tri-modal aligner: image, text and audio towers into one space, one scale per pair."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmmodels.alignment.losses import contrastive_loss
from mmmodels.recipes import ModelConfig
from mmmodels.towers.audio import AudioTower
from mmmodels.towers.image import ImageTower
from mmmodels.towers.text import TextTower

MAX_SCALE = 100.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Tensors of one step on one rank; a modality that this kind of batch lacks is absent."""

    media: Mapping[str, Tensor]
    """image: uint8 (B, 3, H, W); text: int64 (B, L); audio: int16 (B, N)."""
    groups_B: Tensor
    """int64; equal numbers show or say the same thing."""
    labels_B: Tensor | None = None

    def to(self, device: torch.device) -> "Batch":
        """The same batch on another device."""
        media = {name: tensor.to(device, non_blocking=True) for name, tensor in self.media.items()}
        labels = self.labels_B.to(device) if self.labels_B is not None else None
        return Batch(media=media, groups_B=self.groups_B.to(device), labels_B=labels)


class TriModal(nn.Module):
    """`embed` gives unit vectors (B, D) per modality; `forward` gives the losses of the pairs of a batch."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.image = ImageTower(config.image, embed_dim=config.embed_dim)
        self.text = TextTower(config.text, embed_dim=config.embed_dim)
        self.audio = AudioTower(config.audio, embed_dim=config.embed_dim)
        start = torch.tensor(math.log(config.initial_scale))
        self.log_scales = nn.ParameterDict(
            {
                _pair(left, right): nn.Parameter(start.clone())
                for left, right in combinations(("image", "text", "audio"), 2)
            }
        )

    def embed(self, modality: str, inputs: Tensor, *, strength: float = 0.0, seed: int | None = None) -> Tensor:
        """Unit vectors (B, D) in float32; `seed` fixes the augmentation of a step."""
        if modality == "text":
            return functional.normalize(self.text(inputs).float(), dim=1)
        generator = torch.Generator().manual_seed(seed) if seed is not None else None
        tower = self.image if modality == "image" else self.audio
        return functional.normalize(tower(inputs, strength=strength, generator=generator).float(), dim=1)

    def forward(self, batch: Batch, *, strength: float = 0.0, seed: int | None = None) -> dict[str, Tensor]:
        vectors = {name: self.embed(name, batch.media[name], strength=strength, seed=seed) for name in batch.media}
        return {
            _pair(left, right): contrastive_loss(
                vectors[left],
                vectors[right],
                scale=self.log_scales[_pair(left, right)].exp().clamp(max=MAX_SCALE),
                groups_B=batch.groups_B,
            )
            for left, right in combinations(("image", "text", "audio"), 2)
            if left in vectors and right in vectors
        }


def _pair(left: str, right: str) -> str:
    return f"{left}_{right}"
