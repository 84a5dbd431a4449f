"""The contrastive objective of a pair, with samples of one group kept out of each other's negatives."""

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn import functional

# Shapes: B samples of this rank, G samples of all ranks, D embedding.


def gathered(values: Tensor) -> Tensor:
    """All ranks' rows in rank order, with gradient; the rows themselves where there is one rank."""
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return values
    from torch.distributed.nn.functional import all_gather

    parts: list[Tensor] = all_gather(values)  # type: ignore[no-untyped-call]
    return torch.cat(list(parts))


def contrastive_loss(left_BD: Tensor, right_BD: Tensor, *, scale: Tensor, groups_B: Tensor) -> Tensor:
    """Symmetric InfoNCE (Radford et al. 2021) over the global batch; pairs of one group are no negatives.

    Rows are unit vectors. Every rank computes the whole global loss, so its gradient averaged by DDP equals that of
    one process: the gathered rows carry gradient, and `all_gather` sums what each rank sends back.
    """
    left_GD, right_GD, groups_G = gathered(left_BD), gathered(right_BD), gathered_ids(groups_B)
    logits_GG = scale * left_GD @ right_GD.T
    itself_GG = torch.eye(len(groups_G), dtype=torch.bool, device=groups_G.device)
    same_GG = (groups_G[:, None] == groups_G[None, :]) & ~itself_GG
    logits_GG = logits_GG.masked_fill(same_GG, -torch.inf)
    targets_G = torch.arange(len(logits_GG), device=logits_GG.device)
    forward, backward = functional.cross_entropy(logits_GG, targets_G), functional.cross_entropy(logits_GG.T, targets_G)
    return (forward + backward) / 2


def gathered_ids(values: Tensor) -> Tensor:
    """All ranks' integers in rank order; integers have no gradient, so the plain collective serves."""
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return values
    rows = [torch.empty_like(values) for _ in range(dist.get_world_size())]
    dist.all_gather(rows, values)
    return torch.cat(rows)
