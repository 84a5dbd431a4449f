"""What ranks exchange for a loss over the global batch, with the gradients that belong to it."""

from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd.function import once_differentiable

# Shapes: B samples of this rank, G samples of all ranks in rank order.


def rank_and_size() -> tuple[int, int]:
    """Of this process among those that train together; (0, 1) where it is alone."""
    if not (dist.is_available() and dist.is_initialized()):
        return 0, 1
    return dist.get_rank(), dist.get_world_size()


def gathered(values: Tensor) -> Tensor:
    """All ranks' rows in rank order; each row's gradient is the sum of what every rank sends back."""
    if rank_and_size()[1] == 1:
        return values
    return cast("Tensor", _Gather.apply(values))  # type: ignore[no-untyped-call]


def gathered_ids(values: Tensor) -> Tensor:
    """All ranks' integers or truths in rank order; they have no gradient, so the plain collective serves."""
    size = rank_and_size()[1]
    if size == 1:
        return values
    rows = [torch.empty_like(values) for _ in range(size)]
    dist.all_gather(rows, values.contiguous())
    return torch.cat(rows)


def passed_on(values: Tensor) -> Tensor:
    """The rows of the rank before this one, while ours go to the one behind; gradients go the other way."""
    return cast("Tensor", _PassOn.apply(values))  # type: ignore[no-untyped-call]


class _Gather(torch.autograd.Function):
    """Our own: torch's gives wrong gradients on gloo where they are not contiguous (2.13)."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        ctx.num_rows = len(values)
        everything = values.new_empty((rank_and_size()[1] * len(values), *values.shape[1:]))
        dist.all_gather_into_tensor(everything, values.contiguous())
        return everything

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.contiguous()
        if gradient.is_cuda:  # nccl
            own = gradient.new_empty((ctx.num_rows, *gradient.shape[1:]))
            dist.reduce_scatter_tensor(own, gradient)
            return own
        gradient = gradient.clone()
        dist.all_reduce(gradient)
        start = rank_and_size()[0] * ctx.num_rows
        return gradient[start : start + ctx.num_rows]


class _PassOn(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:  # noqa: ARG004
        return _exchanged(values, step=1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ARG004
        return _exchanged(gradient, step=-1)


def _exchanged(values: Tensor, *, step: int) -> Tensor:
    rank, size = rank_and_size()
    received = torch.empty_like(values, memory_format=torch.contiguous_format)
    operations = [
        dist.P2POp(dist.isend, values.contiguous(), (rank + step) % size),
        dist.P2POp(dist.irecv, received, (rank - step) % size),
    ]
    for work in dist.batch_isend_irecv(operations):
        work.wait()
    return received
