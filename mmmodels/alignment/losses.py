"""The contrastive objectives of a pair over the global batch, in memory that grows with a rank's batch alone.

Every rank computes the rows of its own samples; averaged over the ranks, losses and gradients are those of one process.
Gradients are made together with the loss, some rows at a time: a matrix of logits is never kept.
"""

from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from mmmodels.alignment.gathering import gathered, gathered_ids, passed_on, rank_and_size

# Shapes: B samples of this rank, C candidates (of all ranks, or of one), R rows taken at a time, D embedding.
MAX_LOGITS = 1 << 24
"""Entries of a matrix of logits held at once: 64 MB in float32."""


def contrastive_loss(left_BD: Tensor, right_BD: Tensor, *, scale: Tensor, groups_B: Tensor | None = None) -> Tensor:
    """Symmetric InfoNCE (Radford et al. 2021) of unit vectors; pairs of one group are no negatives."""
    first = rank_and_size()[0] * len(left_BD)
    groups_C = gathered_ids(groups_B) if groups_B is not None else None
    return (
        row_entropy(left_BD, gathered(right_BD), scale, groups_B, groups_C, first)
        + row_entropy(right_BD, gathered(left_BD), scale, groups_B, groups_C, first)
    ) / 2


def sigmoid_loss(
    left_BD: Tensor, right_BD: Tensor, *, scale: Tensor, bias: Tensor, groups_B: Tensor | None = None
) -> Tensor:
    """SigLIP (Zhai et al. 2023): each pair is judged alone; the right vectors go round the ranks in a ring."""
    rank, size = rank_and_size()
    groups_C = gathered_ids(groups_B) if groups_B is not None else None
    total, visiting_BD = torch.zeros((), device=left_BD.device), right_BD
    for step in range(size):
        start = (rank - step) % size * len(left_BD)
        groups = groups_C[start : start + len(left_BD)] if groups_C is not None else None
        first = 0 if step == 0 else -1
        total = total + _applied(_PairSigmoid, left_BD, visiting_BD, scale, bias, groups_B, groups, first)
        if step + 1 < size:
            visiting_BD = passed_on(visiting_BD)
    return total


def row_entropy(
    rows_BD: Tensor,
    candidates_CD: Tensor,
    scale: Tensor,
    groups_B: Tensor | None,
    groups_C: Tensor | None,
    first: int,
) -> Tensor:
    """Mean cross-entropy of each row against all candidates; row i belongs to candidate `first` + i."""
    return _applied(_RowEntropy, rows_BD, candidates_CD, scale, groups_B, groups_C, first)


def excluded(groups_R: Tensor, groups_C: Tensor, own_R: Tensor | None) -> Tensor:
    """(R, C): whether a pair is of one group but not the row's own pair."""
    same_RC = groups_R[:, None] == groups_C[None, :]
    if own_R is not None:
        same_RC[torch.arange(len(own_R), device=own_R.device), own_R] = False
    return same_RC


def _applied(function: type[torch.autograd.Function], *arguments: Any) -> Tensor:
    """In float32 whatever the precision of the towers: bf16 has three digits, logits reach 100."""
    tensors = [part.float() if isinstance(part, Tensor) and part.is_floating_point() else part for part in arguments]
    with torch.autocast(tensors[0].device.type, enabled=False):
        return cast("Tensor", function.apply(*tensors))  # type: ignore[no-untyped-call]


def _parts(num_rows: int, num_candidates: int) -> Iterator[slice]:
    size = max(1, MAX_LOGITS // max(1, num_candidates))
    for start in range(0, num_rows, size):
        yield slice(start, min(start + size, num_rows))


class _RowEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        rows_BD: Tensor,
        candidates_CD: Tensor,
        scale: Tensor,
        groups_B: Tensor | None,
        groups_C: Tensor | None,
        first: int,
    ) -> Tensor:
        own_B = torch.arange(first, first + len(rows_BD), device=rows_BD.device)
        loss, to_scale = torch.zeros_like(scale), torch.zeros_like(scale)
        to_rows_BD, to_candidates_CD = torch.empty_like(rows_BD), torch.zeros_like(candidates_CD)
        for part in _parts(len(rows_BD), len(candidates_CD)):
            rows_RD, own_R1 = rows_BD[part], own_B[part, None]
            cosines_RC = rows_RD @ candidates_CD.T
            logits_RC = scale * cosines_RC
            if groups_B is not None and groups_C is not None:
                logits_RC.masked_fill_(excluded(groups_B[part], groups_C, own_B[part]), -torch.inf)
            normalizers_R1 = logits_RC.logsumexp(dim=1, keepdim=True)
            loss += (normalizers_R1 - logits_RC.gather(1, own_R1)).sum()
            slopes_RC = logits_RC.sub_(normalizers_R1).exp_()
            slopes_RC.scatter_add_(1, own_R1, -torch.ones_like(normalizers_R1))
            to_scale += (slopes_RC * cosines_RC).sum()
            to_rows_BD[part] = slopes_RC @ candidates_CD
            to_candidates_CD += slopes_RC.T @ rows_RD
        ctx.save_for_backward(to_rows_BD.mul_(scale), to_candidates_CD.mul_(scale), to_scale)
        ctx.num_rows = len(rows_BD)
        return loss / len(rows_BD)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        slope = gradient / ctx.num_rows
        to_rows_BD, to_candidates_CD, to_scale = ctx.saved_tensors
        return slope * to_rows_BD, slope * to_candidates_CD, slope * to_scale, None, None, None


class _PairSigmoid(torch.autograd.Function):
    """Sum over a block of pairs, divided by its rows; row i is positive with candidate i where `first` is 0."""

    @staticmethod
    def forward(
        ctx: Any,
        rows_BD: Tensor,
        candidates_CD: Tensor,
        scale: Tensor,
        bias: Tensor,
        groups_B: Tensor | None,
        groups_C: Tensor | None,
        first: int,
    ) -> Tensor:
        loss, to_scale, to_bias = (torch.zeros_like(scale) for _ in range(3))
        to_rows_BD, to_candidates_CD = torch.empty_like(rows_BD), torch.zeros_like(candidates_CD)
        for part in _parts(len(rows_BD), len(candidates_CD)):
            rows_RD = rows_BD[part]
            own_R = torch.arange(part.start, part.stop, device=rows_BD.device) if first == 0 else None
            cosines_RC = rows_RD @ candidates_CD.T
            logits_RC = scale * cosines_RC + bias
            if groups_B is not None and groups_C is not None:
                logits_RC.masked_fill_(excluded(groups_B[part], groups_C, own_R), -torch.inf)
            # -log sigmoid(-z) is softplus(z); for a positive, -log sigmoid(z) is softplus(z) - z.
            loss += torch.nn.functional.softplus(logits_RC).sum()
            slopes_RC = logits_RC.sigmoid()
            if own_R is not None:
                loss -= logits_RC.gather(1, own_R[:, None]).sum()
                slopes_RC.scatter_add_(1, own_R[:, None], -torch.ones_like(logits_RC[:, :1]))
            to_scale += (slopes_RC * cosines_RC).sum()
            to_bias += slopes_RC.sum()
            to_rows_BD[part] = slopes_RC @ candidates_CD
            to_candidates_CD += slopes_RC.T @ rows_RD
        ctx.save_for_backward(to_rows_BD.mul_(scale), to_candidates_CD.mul_(scale), to_scale, to_bias)
        ctx.num_rows = len(rows_BD)
        return loss / len(rows_BD)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        slope = gradient / ctx.num_rows
        return (*(slope * saved for saved in ctx.saved_tensors), None, None, None)
