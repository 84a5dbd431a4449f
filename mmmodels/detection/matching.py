"""Which prediction answers for which box: the assignment of least cost over a whole picture, and the losses of it."""

from dataclasses import dataclass
from typing import cast

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional
from torchvision.ops import box_convert, sigmoid_focal_loss

from mmmodels.detection.moving import NO_BOX
from mmmodels.recipes.detection import DetectionConfig

# Shapes: B batch, Q predictions, N boxes at most, K classes, M matched pairs.


@dataclass(frozen=True, kw_only=True, slots=True)
class Predictions:
    """Of one stage of the detector."""

    logits_BQK: Tensor
    """No class at all is where every one is unlikely: there is no class `nothing`."""
    boxes_BQ4: Tensor
    """Centre and size in [0, 1] of the picture."""


@torch.no_grad()
def matched(
    found: Predictions, boxes_BN4: Tensor, classes_BN: Tensor, *, config: DetectionConfig, repeats: int = 1
) -> tuple[Tensor, Tensor, Tensor]:
    """(M,) sample, prediction and box of each pair: every box once, or `repeats` times with as many predictions.

    The Hungarian assignment of DETR with the focal class cost of Deformable DETR (Zhu et al. 2021).
    """
    pairs: list[tuple[Tensor, Tensor, Tensor]] = []
    costs = _costs(found, boxes_BN4, classes_BN, config)
    for sample, cost_QN in enumerate(costs):
        there = torch.nonzero(classes_BN[sample] != NO_BOX)[:, 0].cpu()
        some = there.repeat(min(repeats, len(cost_QN) // max(1, len(there))))
        queries, boxes = linear_sum_assignment(cost_QN[:, some].numpy())
        number = torch.full((len(queries),), sample)
        pairs.append((number, torch.from_numpy(queries), some[torch.from_numpy(boxes)]))
    device = boxes_BN4.device
    samples, queries_M, boxes_M = (torch.cat(parts).to(device) for parts in zip(*pairs, strict=True))
    return samples, queries_M, boxes_M


def _costs(found: Predictions, boxes_BN4: Tensor, classes_BN: Tensor, config: DetectionConfig) -> Tensor:
    """(B, Q, N) on the processor; what is no box costs something too, and is left out by who asks."""
    share_BQK = found.logits_BQK.float().sigmoid()
    positive = -((1 - share_BQK) ** config.focal_gamma) * (share_BQK + 1e-8).log() * (1 - config.no_object_weight)
    negative = -(share_BQK**config.focal_gamma) * (1 - share_BQK + 1e-8).log() * config.no_object_weight
    num_queries = share_BQK.shape[1]
    wanted_BQN = classes_BN.clamp(min=0)[:, None].expand(-1, num_queries, -1)
    class_BQN = (positive - negative).gather(2, wanted_BQN)
    l1_BQN = torch.cdist(found.boxes_BQ4.float(), boxes_BN4, p=1)
    giou_BQN = giou_of(found.boxes_BQ4[:, :, None].float(), boxes_BN4[:, None])
    cost_BQN = config.class_weight * class_BQN + config.l1_weight * l1_BQN - config.giou_weight * giou_BQN
    return cost_BQN.nan_to_num(nan=1e6, posinf=1e6, neginf=-1e6).cpu()


def giou_of(left: Tensor, right: Tensor) -> Tensor:
    """Generalised IoU (Rezatofighi et al. 2019) of boxes by centre and size, elementwise with broadcasting."""
    one, two = box_convert(left, "cxcywh", "xyxy"), box_convert(right, "cxcywh", "xyxy")
    inside = (torch.minimum(one[..., 2:], two[..., 2:]) - torch.maximum(one[..., :2], two[..., :2])).clamp(min=0)
    around = torch.maximum(one[..., 2:], two[..., 2:]) - torch.minimum(one[..., :2], two[..., :2])
    shared, hull = inside.prod(dim=-1), around.prod(dim=-1)
    union = left[..., 2:].prod(dim=-1) + right[..., 2:].prod(dim=-1) - shared
    return shared / union.clamp(min=1e-9) - (hull - union) / hull.clamp(min=1e-9)


def set_losses(
    found: Predictions,
    boxes_BN4: Tensor,
    classes_BN: Tensor,
    *,
    config: DetectionConfig,
    repeats: int = 1,
) -> Tensor:
    """One number: class, L1 and GIoU of the matched, and no class at all for the others.

    Per sample, not per box as DETR: ranks whose samples have other numbers of boxes give the loss of the whole batch.
    """
    samples, queries, boxes = matched(found, boxes_BN4, classes_BN, config=config, repeats=repeats)
    wanted_BQK = torch.zeros_like(found.logits_BQK)
    wanted_BQK[samples, queries, classes_BN[samples, boxes]] = 1
    num = len(classes_BN) * repeats
    class_loss = sigmoid_focal_loss(
        found.logits_BQK.float(),
        wanted_BQK.float(),
        alpha=1 - config.no_object_weight,
        gamma=config.focal_gamma,
        reduction="sum",
    )
    predicted_M4, truth_M4 = found.boxes_BQ4[samples, queries].float(), boxes_BN4[samples, boxes]
    l1_loss = functional.l1_loss(predicted_M4, truth_M4, reduction="sum")
    giou_loss = (1 - giou_of(predicted_M4, truth_M4)).sum()
    total = config.class_weight * class_loss + config.l1_weight * l1_loss + config.giou_weight * giou_loss
    return cast("Tensor", total / num)
