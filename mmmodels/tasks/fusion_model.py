"""A classifier over towers: any subset of the modalities of a sample, joined in one of three ways."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmmodels.alignment.bundle import read_bundle
from mmmodels.alignment.model import Batch, TriModal
from mmmodels.errors import CheckpointError
from mmmodels.recipes import Recipe
from mmmodels.tasks.fusing import Seen, build_fusion
from mmmodels.towers.chance import sample_keys, uniform
from mmmodels.towers.mixing import mixed, neighbours, own_shares

FUSED = ("image", "text", "audio")
"""The order of the modalities; a model may have fewer."""
_HIDING = 30


def fused_modalities(recipe: Recipe) -> tuple[str, ...]:
    """Those that the model has, in order."""
    return tuple(name for name in FUSED if name in recipe.model.modalities)


class FusionClassifier(nn.Module):
    """`seen` runs the towers, `fuse` answers from what they saw; a tower runs once however many subsets are asked."""

    def __init__(self, recipe: Recipe, *, num_labels: int) -> None:
        super().__init__()
        self.config = recipe.fusion
        self.modalities = fused_modalities(recipe)
        self.aligner = TriModal(recipe.model)
        self.fusion = build_fusion(
            recipe.fusion, modalities=self.modalities, embed_dim=recipe.model.embed_dim, num_labels=num_labels
        )

    def seen(
        self, media: Mapping[str, Tensor], *, strength: float = 0.0, keys_B: Tensor | None = None
    ) -> dict[str, Seen]:
        """Of every modality of the model; tokens only where the fusion attends to them."""
        wants_tokens = self.config.kind != "concat" and self.config.sequences
        found = {}
        for name in self.modalities:
            if wants_tokens and getattr(self.aligner.tower(name), "has_tokens", False):
                embedded = self.aligner.embed_with_tokens(name, media[name], keys_B=keys_B, strength=strength)
                found[name] = Seen(
                    vectors_BD=embedded.vectors_BD, tokens_BTD=embedded.tokens_BTD, there_BT=embedded.there_BT
                )
            else:
                found[name] = Seen(vectors_BD=self.aligner.embed(name, media[name], keys_B=keys_B, strength=strength))
        return found

    def fuse(self, seen: Mapping[str, Seen], present: Mapping[str, Tensor]) -> Tensor:
        """(B, labels) in float32; `present` marks the rows (B,) whose modality counts."""
        logits_BL: Tensor = self.fusion(seen, {name: present[name] for name in self.modalities})
        return logits_BL.float()

    def logits(self, media: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> Tensor:
        """(B, labels) of decoded media."""
        return self.fuse(self.seen(media), present)

    def forward(self, batch: Batch, *, strength: float = 0.0, seed: int | None = None) -> dict[str, Tensor]:
        """The cross-entropy of a batch; in training with modality dropout and augmentation."""
        keys_B = sample_keys(seed, batch.positions()) if seed is not None and self.training else None
        present = {name: batch.media[f"has_{name}"] for name in self.modalities}
        if keys_B is not None:
            hidden_BM = uniform(keys_B, len(FUSED), stream=_HIDING) < self.config.modality_dropout
            present = {name: there & ~hidden_BM[:, FUSED.index(name)] for name, there in present.items()}
        assert batch.labels_B is not None
        if keys_B is None or seed is None or self.config.mixup == 0:
            logits_BL = self.fuse(self.seen(batch.media, strength=strength, keys_B=keys_B), present)
            return {"label": functional.cross_entropy(logits_BL, batch.labels_B, label_smoothing=self.config.smoothing)}
        partners_B = neighbours(batch.positions())
        shares_B = own_shares(seed, batch.positions(), alpha=self.config.mixup)
        media = mixed(batch.media, partners_B, shares_B)
        logits_BL = self.fuse(self.seen(media, strength=strength, keys_B=keys_B), present)
        own_B, other_B = (
            functional.cross_entropy(logits_BL, labels_B, label_smoothing=self.config.smoothing, reduction="none")
            for labels_B in (batch.labels_B, batch.labels_B[partners_B])
        )
        return {"label": (shares_B * own_B + (1 - shares_B) * other_B).mean()}


def start_towers(aligner: TriModal, parent: Path) -> None:
    """Towers and heads of another model's bundle, whatever it was trained for; scales and fusions stay behind.

    A modality that the parent lacks starts untrained; CheckpointError where nothing of it fits, or only half a tower.
    """
    weights = {name.removeprefix("aligner."): value for name, value in read_bundle(parent).weights.items()}
    own, taken = aligner.state_dict(), 0
    for name in aligner.config.modalities:
        wanted = [key for key in own if key.startswith((f"{name}.", f"heads.{name}."))]
        there = [key for key in wanted if key in weights and weights[key].shape == own[key].shape]
        if any(key.startswith(f"{name}.") for key in weights) and len(there) < len(wanted):
            lacking = sorted(set(wanted) - set(there))
            raise CheckpointError(
                f"{parent}: its {name} tower is of another architecture (of {len(wanted)} weights {len(lacking)} do "
                f"not fit, such as {lacking[0]}). Set model.{name} as the parent's recipe has it."
            )
        aligner.load_state_dict({key: weights[key] for key in there}, strict=False)
        taken += len(there)
    if not taken:
        raise CheckpointError(
            f"{parent}: has no tower of {', '.join(aligner.config.modalities)}. Name the bundle of a model that has."
        )


def marked(media: Mapping[str, Any], there: Mapping[str, Any]) -> dict[str, Tensor]:
    """Arrays of modalities as tensors, and `has_<modality>` (B,)."""
    tensors = {name: torch.from_numpy(array) for name, array in media.items()}
    return tensors | {f"has_{name}": torch.from_numpy(array) for name, array in there.items()}


def present_in(inputs: Mapping[str, Tensor], *, modalities: Sequence[str] = FUSED) -> dict[str, Tensor]:
    """(B,) per modality: there, and among those the answer may use."""
    return {
        name.removeprefix("has_"): there & (name.removeprefix("has_") in modalities)
        for name, there in inputs.items()
        if name.startswith("has_")
    }
