"""The tri-modal aligner: image, text and audio towers into one space, a scale and where needed a bias per pair."""

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmmodels.alignment.batch import Batch
from mmmodels.alignment.embedded import Embedded, spread
from mmmodels.alignment.late import late_loss
from mmmodels.alignment.losses import contrastive_loss, sigmoid_loss
from mmmodels.errors import RecipeError
from mmmodels.recipes import ModelConfig
from mmmodels.towers.adapters import prepare_tower
from mmmodels.towers.audio import AudioTower
from mmmodels.towers.chance import sample_keys
from mmmodels.towers.heads import build_head
from mmmodels.towers.image import ImageTower
from mmmodels.towers.text import TextTower, trimmed

__all__ = ["Batch", "Embedded", "TriModal"]

# Shapes: B batch, T tokens, D embedding.
MAX_SCALE = 100.0
TOWERS: Mapping[str, Any] = {"image": ImageTower, "text": TextTower, "audio": AudioTower}


class TriModal(nn.Module):
    """`embed` gives unit vectors (B, D) of a modality; `forward` gives the losses of the pairs of a batch."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.heads = nn.ModuleDict()
        for name in config.modalities:
            part = config.tower(name)
            tower = TOWERS[name](part, output_dim=config.embed_dim if part.head == "own" else None)
            prepare_tower(tower, part)
            setattr(self, name, tower)
            if part.head != "own":
                self.heads[name] = build_head(part.head, features=tower.output_dim, embed_dim=config.embed_dim)
        pairs = [pair_name(*pair) for pair in config.pairs]
        late = [f"{pair}_late" for pair in pairs if config.late_weight > 0]
        # Of one dimension: sharding splits no scalars.
        self.log_scales = nn.ParameterDict(
            {pair: nn.Parameter(torch.full((1,), math.log(config.initial_scale))) for pair in pairs + late}
        )
        biased = pairs if config.loss == "siglip" else []
        self.biases = nn.ParameterDict({pair: nn.Parameter(torch.full((1,), config.initial_bias)) for pair in biased})

    def train(self, mode: bool = True) -> "TriModal":
        """As torch's; a tower that is not trained as a whole keeps the statistics that it came with."""
        super().train(mode)
        for name in self.config.modalities:
            if self.config.tower(name).trained != "all":
                self.tower(name).eval()
        return self

    def tower(self, modality: str) -> nn.Module:
        """Of a modality; RecipeError where the model has none."""
        if modality not in self.config.modalities:
            raise RecipeError(
                f"modality {modality!r}: this model has {', '.join(self.config.modalities)}. Use one with that tower."
            )
        tower: nn.Module = getattr(self, modality)
        return tower

    def compile_towers(self, **options: Any) -> None:
        """Compile each tower in place; names of weights stay, losses and collectives are left out."""
        for name in self.config.modalities:
            self.tower(name).compile(**options)

    def embed(
        self,
        modality: str,
        inputs: Tensor,
        *,
        keys_B: Tensor | None = None,
        strength: float = 0.0,
        trims: bool = True,
    ) -> Tensor:
        """Unit vectors (B, D) in float32; augmented where keys of the samples are given.

        `trims=False` takes texts as wide as they are, so that the shape does not hang on the longest of the batch.
        """
        tower = self.tower(modality)
        with self._learning(modality):
            if modality == "text":
                # On a device the length would have to be waited for: there the loader has trimmed the texts.
                features_BK = tower(trimmed(inputs) if trims and inputs.device.type == "cpu" else inputs)
            else:
                features_BK = tower(inputs, keys_B=keys_B, strength=strength)
        return self._projected(modality, features_BK)

    def embed_batch(self, batch: Batch, *, strength: float = 0.0, seed: int | None = None) -> dict[str, Embedded]:
        """All modalities of a batch; `seed` is that of the step, without it nothing is random."""
        keys_B = sample_keys(seed, batch.positions()) if seed is not None and self.training else None
        present = [name for name in self.config.modalities if name in batch.media]
        if self.config.late_weight > 0:
            return {
                name: self.embed_with_tokens(name, batch.media[name], keys_B=keys_B, strength=strength)
                for name in present
            }
        return {
            name: Embedded(vectors_BD=self.embed(name, batch.media[name], keys_B=keys_B, strength=strength))
            for name in present
        }

    def losses(self, embedded: Mapping[str, Embedded], *, groups_B: Tensor) -> dict[str, Tensor]:
        """Of every trained pair that is there, by name; averaged over the ranks they are those of the global batch."""
        groups = groups_B if self.config.masks_groups else None
        found: dict[str, Tensor] = {}
        for left, right in self.config.pairs:
            if left in embedded and right in embedded:
                pair = pair_name(left, right)
                found[pair] = self._pooled_loss(pair, embedded[left], embedded[right], groups)
                if self.config.late_weight > 0:
                    found[f"{pair}_late"] = self._late_loss(pair, embedded[left], embedded[right], groups)
        if not found:
            raise RecipeError(
                f"batch of {' and '.join(embedded) or 'nothing'}: no pair that model.hub={self.config.hub} trains. "
                "Leave this kind of batch out of the mixture, or set model.hub=all."
            )
        return found

    def forward(
        self,
        batch: Batch,
        *,
        strength: float = 0.0,
        seed: int | None = None,
        embeds: bool = False,
        gradients: Mapping[str, list[Tensor]] | None = None,
    ) -> dict[str, Any]:
        """The losses by name. For gradient caching, through whatever the model is wrapped in: the embeddings alone, or
        given their gradients, one value whose backward pass spreads them into the weights."""
        embedded = self.embed_batch(batch, strength=strength, seed=seed)
        if embeds:
            return embedded
        if gradients is not None:
            return {"cached": spread(embedded, self.pair_parameters(), gradients)}
        return self.losses(embedded, groups_B=batch.groups_B)

    @torch.no_grad()
    def after_step(self) -> None:
        """Keep scales under their limit, in place: one at its limit may come down again.

        Between steps, not inside one: while it runs, a sharded model works on copies of its weights.
        """
        for scale in self.log_scales.values():
            scale.clamp_(max=math.log(MAX_SCALE))

    def pair_parameters(self) -> dict[str, nn.Parameter]:
        """Scales and biases: what learns from the loss without a tower between."""
        return dict(self.log_scales.named_parameters("scale")) | dict(self.biases.named_parameters("bias"))

    def _pooled_loss(self, pair: str, left: Embedded, right: Embedded, groups_B: Tensor | None) -> Tensor:
        vectors, scale = (left.vectors_BD, right.vectors_BD), self.log_scales[pair].exp().squeeze()
        if self.config.loss == "siglip":
            return sigmoid_loss(*vectors, scale=scale, bias=self.biases[pair].squeeze(), groups_B=groups_B)
        return contrastive_loss(*vectors, scale=scale, groups_B=groups_B)

    def _late_loss(self, pair: str, left: Embedded, right: Embedded, groups_B: Tensor | None) -> Tensor:
        scale = self.log_scales[f"{pair}_late"].exp().squeeze()
        return self.config.late_weight * late_loss(left.side(), right.side(), scale=scale, groups_B=groups_B)

    def embed_with_tokens(
        self, name: str, inputs: Tensor, *, keys_B: Tensor | None = None, strength: float = 0.0
    ) -> Embedded:
        """Unit vectors (B, D), and those of the tower's tokens."""
        tower: Any = self.tower(name)
        with self._learning(name):
            chance = {} if name == "text" else {"keys_B": keys_B, "strength": strength}
            pooled, tokens, there = tower.tokens(inputs, **chance)
        vectors_BD, tokens_BTD = self._projected(name, pooled), self._projected(name, tokens)
        return Embedded(vectors_BD=vectors_BD, tokens_BTD=tokens_BTD, there_BT=there)

    def _projected(self, modality: str, features: Tensor) -> Tensor:
        if modality in self.heads:
            features = self.heads[modality](features)
        return functional.normalize(features.float(), dim=-1)

    def _learning(self, modality: str) -> AbstractContextManager[object]:
        learns = self.config.tower(modality).trained != "none"
        return torch.set_grad_enabled(torch.is_grad_enabled() and learns)


def pair_name(left: str, right: str) -> str:
    """What the loss of a pair is called."""
    return f"{left}_{right}"
