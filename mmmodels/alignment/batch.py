"""The tensors of a training step."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from mmmodels.alignment.gathering import rank_and_size


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Tensors of one step on one rank; a modality that this kind of batch lacks is absent."""

    media: Mapping[str, Tensor]
    """image: uint8 (B, 3, H, W); text: int64 (B, L); audio: int16 (B, N)."""
    groups_B: Tensor
    """int64; equal numbers show or say the same thing."""
    labels_B: Tensor | None = None
    targets: Mapping[str, Tensor] = field(default_factory=dict)
    """What a task's loss needs besides, by names of its own; each has B rows."""
    positions_B: Tensor | None = None
    """int64, places in the global batch: what is random about a sample hangs on them. None: ranks in order."""

    def to(self, device: torch.device) -> "Batch":
        """The same batch on another device."""
        media = {name: tensor.to(device, non_blocking=True) for name, tensor in self.media.items()}
        labels = self.labels_B.to(device) if self.labels_B is not None else None
        positions = self.positions_B.to(device) if self.positions_B is not None else None
        targets = {name: tensor.to(device, non_blocking=True) for name, tensor in self.targets.items()}
        groups_B = self.groups_B.to(device)
        return Batch(media=media, groups_B=groups_B, labels_B=labels, targets=targets, positions_B=positions)

    def positions(self) -> Tensor:
        """int64 (B,): places in the global batch."""
        if self.positions_B is not None:
            return self.positions_B
        num = len(self.groups_B)
        return torch.arange(num, device=self.groups_B.device) + rank_and_size()[0] * num

    def split(self, rows: int) -> list["Batch"]:
        """Parts of at most that many rows, which keep their places in the global batch."""
        positions_B = self.positions()
        return [
            replace(
                self,
                media={name: tensor[start : start + rows] for name, tensor in self.media.items()},
                groups_B=self.groups_B[start : start + rows],
                labels_B=self.labels_B[start : start + rows] if self.labels_B is not None else None,
                targets={name: tensor[start : start + rows] for name, tensor in self.targets.items()},
                positions_B=positions_B[start : start + rows],
            )
            for start in range(0, len(self.groups_B), rows)
        ]
