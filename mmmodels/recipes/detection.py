"""How things in a picture are found: the set-prediction head, its matching and its losses."""

from dataclasses import dataclass
from typing import Literal

from mmmodels.errors import RecipeError


@dataclass(frozen=True, kw_only=True, slots=True)
class DetectionConfig:
    """A detector that predicts a set of boxes (DETR, Carion et al. 2020), its queries chosen among proposals."""

    num_queries: int = 24
    """Boxes that a picture may be said to hold; samples with more of them are not trained on."""
    width: int = 96
    heads: int = 4
    encoder_layers: int = 1
    decoder_layers: int = 2
    """0: every place of the map answers for itself, without queries (OneNet, Sun et al. 2021)."""
    stride_pixels: Literal[4, 8, 16] = 16
    """Of the map whose places propose boxes; coarser maps are added to it from above (FPN, Lin et al. 2017)."""
    proposals_per_box: int = 4
    """Places that are taught each box, so that proposing is learnt fast (H-DETR, Jia et al. 2023)."""
    class_weight: float = 2.0
    l1_weight: float = 5.0
    giou_weight: float = 2.0
    """Of matching and loss alike; DETR's are 1, 5, 2 with a cross-entropy, Deformable DETR's these with a focal one."""
    no_object_weight: float = 0.75
    """Of places that match nothing against 1 minus it of those that do: 1 - alpha of the focal loss."""
    focal_gamma: float = 2.0
    min_crop: float = 0.75
    """Shortest side of a random crop of a training picture, as a share."""
    mirrors: bool = True
    min_visible: float = 0.3
    """Share of a box that a crop must leave, or it is no box any more."""
    min_score: float = 0.3
    """What `predict` names; the evaluation takes all."""

    def __post_init__(self) -> None:
        rules = {
            "num_queries": self.num_queries >= 1,
            "width": self.width % (4 * self.heads) == 0,
            "no_object_weight": 0 < self.no_object_weight < 1,
            "min_crop": 0.1 <= self.min_crop <= 1,
            "min_visible": 0 <= self.min_visible <= 1,
        }
        for name, is_kept in rules.items():
            if not is_kept:
                raise RecipeError(
                    f"detection.{name}={getattr(self, name)}: out of its range. Expected one query or more, a width "
                    "that four times the heads divide, shares in [0, 1]."
                )
