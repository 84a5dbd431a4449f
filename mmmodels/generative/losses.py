"""Cross-entropy over a large vocabulary without the matrix of all logits.

The logits of a chunk of positions are made, turned into their gradients at once and forgotten: memory is (chunk, V)
instead of several times (N, V), and nothing is computed twice.
"""

from typing import Any

import torch
from torch import Tensor

# Shapes: N positions, C positions of a chunk, D features, V vocabulary.


def chunked_cross_entropy(
    hidden_ND: Tensor,
    weight_VD: Tensor,
    targets_N: Tensor,
    weights_N: Tensor,
    *,
    chunk: int,
    smoothing: float = 0.0,
) -> Tensor:
    """Sum over positions of weight x cross-entropy of softmax(hidden weight^T); value and gradients are exact.

    `smoothing` spreads that share of the target over the whole vocabulary, as torch's label_smoothing does.
    """
    device = hidden_ND.device.type
    if not torch.is_grad_enabled():
        hidden_ND, weight_VD = hidden_ND.detach(), weight_VD.detach()
    if torch.is_autocast_enabled(device):
        hidden_ND, weight_VD = (value.to(torch.get_autocast_dtype(device)) for value in (hidden_ND, weight_VD))
    loss: Tensor = _ChunkedCrossEntropy.apply(hidden_ND, weight_VD, targets_N, weights_N, chunk, smoothing)  # type: ignore[no-untyped-call]
    return loss


class _ChunkedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden_ND: Tensor,
        weight_VD: Tensor,
        targets_N: Tensor,
        weights_N: Tensor,
        chunk: int,
        smoothing: float,
    ) -> Tensor:
        wants_hidden, wants_weight = ctx.needs_input_grad[:2]
        total = torch.zeros((), device=hidden_ND.device)
        hidden_gradient = torch.zeros_like(hidden_ND) if wants_hidden else None
        weight_gradient = torch.zeros_like(weight_VD, dtype=torch.float32) if wants_weight else None
        with torch.autocast(hidden_ND.device.type, enabled=False):
            for start in range(0, len(hidden_ND), chunk):
                some = slice(start, start + chunk)
                part_CD = hidden_ND[some]
                loss, gradient_CV = _part(part_CD, weight_VD, targets_N[some], weights_N[some], smoothing)
                total += loss
                if hidden_gradient is not None:
                    hidden_gradient[some] = gradient_CV.to(weight_VD.dtype) @ weight_VD
                if weight_gradient is not None:
                    weight_gradient.addmm_(gradient_CV.T, part_CD.float())
        ctx.save_for_backward(hidden_gradient, weight_gradient)
        ctx.weight_dtype = weight_VD.dtype
        return total

    @staticmethod
    def backward(ctx: Any, scale: Tensor) -> tuple[Tensor | None, ...]:
        hidden_gradient, weight_gradient = ctx.saved_tensors
        of_hidden = None if hidden_gradient is None else hidden_gradient * scale.to(hidden_gradient.dtype)
        of_weight = None if weight_gradient is None else (weight_gradient * scale).to(ctx.weight_dtype)
        return of_hidden, of_weight, None, None, None, None


def _part(
    hidden_CD: Tensor, weight_VD: Tensor, targets_C: Tensor, weights_C: Tensor, smoothing: float
) -> tuple[Tensor, Tensor]:
    """The loss of a chunk and its gradient by the logits (C, V), in float32; written over the logits."""
    logits_CV = (hidden_CD @ weight_VD.T).float()
    highest_C1 = logits_CV.max(dim=1, keepdim=True).values
    spread_C = logits_CV.mean(dim=1) if smoothing else None
    chosen_C = logits_CV.gather(1, targets_C[:, None])[:, 0]
    exponents_CV = logits_CV.sub_(highest_C1).exp_()
    sums_C1 = exponents_CV.sum(dim=1, keepdim=True)
    normaliser_C = (sums_C1.log() + highest_C1)[:, 0]
    losses_C = normaliser_C - (1 - smoothing) * chosen_C
    gradient_CV = exponents_CV.div_(sums_C1)
    if spread_C is not None:
        losses_C = losses_C - smoothing * spread_C
        gradient_CV -= smoothing / gradient_CV.shape[1]
    gradient_CV[torch.arange(len(targets_C), device=targets_C.device), targets_C] -= 1 - smoothing
    return (losses_C * weights_C).sum(), gradient_CV.mul_(weights_C[:, None])
