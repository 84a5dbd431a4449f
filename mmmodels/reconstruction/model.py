"""Towers that learn from what is hidden of each modality; named as the aligner's, so that it can start from them.

A bundle holds the parts that predict too, or its errors could not be measured; who starts from it leaves them.
"""

from copy import deepcopy
from typing import Any, cast

import torch
from torch import Tensor, nn

from mmmodels.alignment.batch import Batch
from mmmodels.alignment.model import TOWERS
from mmmodels.errors import RecipeError
from mmmodels.recipes import ModelConfig
from mmmodels.recipes.reconstruction import ReconstructionConfig
from mmmodels.reconstruction.masking import put_together
from mmmodels.reconstruction.media import MaskedPart, masked_part
from mmmodels.reconstruction.texts import MaskedText
from mmmodels.towers.chance import sample_keys

# Shapes: B batch, C channels, H and W, T patches.


class MaskedModel(nn.Module):
    """`forward` gives the weighted error of every modality of a batch, by name; their sum is minimised."""

    def __init__(self, config: ModelConfig, objective: ReconstructionConfig) -> None:
        super().__init__()
        self.config, self.objective = config, objective
        lacking = [name for name in objective.modalities if name not in config.modalities]
        if lacking:
            raise RecipeError(
                f"reconstruction.modalities={','.join(objective.modalities)}: the model has "
                f"{', '.join(config.modalities)}. Leave out {', '.join(lacking)}."
            )
        self.parts = nn.ModuleDict()
        for name in config.modalities:
            part = config.tower(name)
            tower = TOWERS[name](part, output_dim=config.embed_dim if part.head == "own" else None)
            setattr(self, name, tower)
            if name in objective.modalities:
                self.parts[name] = self._part(name, tower)
        shows = objective.objective == "features"
        self.teacher = nn.ModuleDict({name: deepcopy(self.tower(name)) for name in self.parts} if shows else {})
        self.teacher.requires_grad_(False)
        self._taught_at: int | None = None

    def tower(self, modality: str) -> nn.Module:
        """Of a modality."""
        tower: nn.Module = getattr(self, modality)
        return tower

    def train(self, mode: bool = True) -> "MaskedModel":
        """As torch's; the teacher never trains."""
        super().train(mode)
        self.teacher.eval()
        return self

    def compile_towers(self, **options: Any) -> None:
        """In place; names of weights stay."""
        for name in self.parts:
            self.tower(name).compile(**options)

    def forward(self, batch: Batch, *, strength: float = 0.0, seed: int | None = None) -> dict[str, Tensor]:
        """Mean over all samples, those without the modality as zero: so parts of a batch and ranks sum to the whole."""
        self._teach(seed)
        keys_B = sample_keys(seed or 0, batch.positions())
        return {
            name: self.objective.weight(name) * self._mean_error(name, batch, keys_B, strength)
            for name in self.parts
            if name in batch.media
        }

    def errors(self, name: str, inputs: Tensor, keys_B: Tensor, *, strength: float = 0.0) -> Tensor:
        """(B,): of what is hidden of one modality."""
        tower: Any = self.tower(name)
        teacher: Any = dict(self.teacher.items()).get(name)
        if name == "text":
            return cast("MaskedText", self.parts[name]).errors(tower, inputs, keys_B, teacher)
        prepared = tower.prepared(inputs, keys_B if self.training else None, strength)
        part = cast("MaskedPart", self.parts[name])
        targets = part.targets(prepared, None if teacher is None else network_of(teacher))
        return cast("Tensor", part(network_of(tower), prepared, keys_B).errors(targets))

    def reconstructed(self, name: str, inputs: Tensor, keys_B: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Original, what is seen of it with zero for the rest, and with the rest predicted: each (B, C, H, W)."""
        tower: Any = self.tower(name)
        part = cast("MaskedPart", self.parts[name])
        prepared = tower.prepared(inputs)
        guess = part(network_of(tower), prepared, keys_B)
        shape = (prepared.shape[1], prepared.shape[2], prepared.shape[3])
        filled = put_together(guess.predicted_BTP, part.size, shape)
        seen = part.seen(prepared, guess.hidden_BT, torch.zeros(()))
        return prepared, seen, part.seen(prepared, guess.hidden_BT, filled)

    def _part(self, name: str, tower: nn.Module) -> nn.Module:
        share = self.objective.masked(name)
        if name == "text":
            return MaskedText(cast("Any", tower), share=share, shows_features=self.objective.objective == "features")
        part: Any = self.config.tower(name)
        shape = (
            (1, 1, part.num_mels, part.num_columns) if name == "audio" else (1, part.in_chans, *[part.size_pixels] * 2)
        )
        where = f"model.{name}.architecture={part.architecture}"
        return masked_part(network_of(tower), torch.zeros(shape), self.objective, share=share, where=where)

    def _mean_error(self, name: str, batch: Batch, keys_B: Tensor, strength: float) -> Tensor:
        errors_B = self.errors(name, batch.media[name], keys_B, strength=strength)
        has_B = batch.targets.get(f"has_{name}")
        return errors_B.mean() if has_B is None else torch.where(has_B, errors_B, 0.0).mean()

    @torch.no_grad()
    def _teach(self, seed: int | None) -> None:
        """Once in a step, however many parts its batch has: before it, with what the step before has made."""
        if not self.training or seed is None or self._taught_at == seed:
            return
        self._taught_at = seed
        for name, teacher in self.teacher.items():
            ours: list[Tensor] = list(self.tower(name).parameters())
            theirs: list[Tensor] = list(teacher.parameters())
            torch._foreach_lerp_(theirs, ours, 1 - self.objective.teacher_decay)
            for old, new in zip(teacher.buffers(), self.tower(name).buffers(), strict=True):
                old.copy_(new)


def network_of(tower: nn.Module) -> nn.Module:
    """Of an image or an audio tower."""
    return cast("nn.Module", tower.visual if hasattr(tower, "visual") else tower.network)
