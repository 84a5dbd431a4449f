"""Late interaction: a pair is as alike as its tokens find each other (FILIP, Yao et al. 2021; ColBERT 2020)."""

from typing import cast

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from mmmodels.alignment.gathering import gathered, gathered_ids, rank_and_size
from mmmodels.alignment.losses import excluded

# Shapes: B samples of this rank, C candidates, R rows taken at a time, T and S tokens of the two sides, D embedding.
MAX_PRODUCTS = 1 << 26
"""Products of tokens held at once: 256 MB in float32."""


def max_similarity(rows_BTD: Tensor, there_BT: Tensor, candidates_CSD: Tensor, there_CS: Tensor) -> Tensor:
    """(B, C): the mean over a row's tokens of the cosine with the nearest token of the candidate.

    `there` marks tokens that count; a sample has at least one. Products are made again in the backward pass.
    """
    num_tokens = there_BT.shape[1] * there_CS.numel()
    size = max(1, MAX_PRODUCTS // max(1, num_tokens))
    parts = [
        checkpoint(_similarities, rows, there, candidates_CSD, there_CS, use_reentrant=False)
        for rows, there in zip(torch.split(rows_BTD, size), torch.split(there_BT, size), strict=True)
    ]
    return torch.cat(cast("list[Tensor]", parts))


def _similarities(rows_RTD: Tensor, there_RT: Tensor, candidates_CSD: Tensor, there_CS: Tensor) -> Tensor:
    products_RTCS = torch.einsum("rtd,csd->rtcs", rows_RTD, candidates_CSD)
    nearest_RTC = products_RTCS.masked_fill(~there_CS, -torch.inf).amax(dim=3)
    counted_RTC = nearest_RTC.masked_fill(~there_RT[:, :, None], 0)
    return counted_RTC.sum(dim=1) / there_RT.sum(dim=1, keepdim=True)


def late_loss(
    left: tuple[Tensor, Tensor], right: tuple[Tensor, Tensor], *, scale: Tensor, groups_B: Tensor | None = None
) -> Tensor:
    """Symmetric InfoNCE over max-similarities; each side is (unit vectors (B, T, D), which of them count (B, T)).

    Each rank has the rows of its own samples; the mean over the ranks is the loss of one process.
    """
    with torch.autocast(scale.device.type, enabled=False):
        return (_rows(left, right, scale.float(), groups_B) + _rows(right, left, scale.float(), groups_B)) / 2


def _rows(rows: tuple[Tensor, Tensor], others: tuple[Tensor, Tensor], scale: Tensor, groups_B: Tensor | None) -> Tensor:
    rows_BTD, there_BT = rows
    candidates_CSD, there_CS = gathered(others[0].float()), gathered_ids(others[1])
    logits_BC = scale * max_similarity(rows_BTD.float(), there_BT, candidates_CSD, there_CS)
    first = rank_and_size()[0] * len(rows_BTD)
    own_B = torch.arange(first, first + len(rows_BTD), device=rows_BTD.device)
    if groups_B is not None:
        logits_BC = logits_BC.masked_fill(excluded(groups_B, gathered_ids(groups_B), own_B), -torch.inf)
    return functional.cross_entropy(logits_BC, own_B)
