"""Where a tower looks: attention rollout for transformers, Grad-CAM for networks with a map of features."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

# Shapes: N tokens, P patches, C channels, H and W of a map of features.
ROLLOUT, GRAD_CAM = "attention rollout", "Grad-CAM"


def looked_at(tower: nn.Module, run: Callable[[], Tensor], *, columns: int | None = None) -> tuple[str, Any] | None:
    """(method, (H, W) map from 0 to 1) of one sample; None where the tower has neither attention nor a map.

    `run` computes the score of one sample, through the tower, as a scalar with a gradient.
    """
    attentions = _attentions(tower)
    if attentions:
        weights: list[Tensor] = []
        with _recorded(attentions, weights):
            run()
        return ROLLOUT, _normalised(rollout(weights, columns=columns))
    trunk = next((part for part in tower.modules() if hasattr(part, "forward_features")), None)
    if trunk is None:
        return None
    found = _grad_cam(trunk, run)
    return None if found is None else (GRAD_CAM, _normalised(found))


def rollout(weights: list[Tensor], *, columns: int | None = None) -> NDArray[np.float64]:
    """(H, W): how much of every patch reaches the first token through all layers.

    Abnar and Zuidema 2020, Quantifying attention flow in transformers: each layer is half what it attends to, half its
    residual; layers multiply. Without a class token: the mean over all tokens. `columns` is the width of the map where
    it is not square.
    """
    size = weights[0].shape[-1]
    flow_NN = torch.eye(size)
    for weight_NN in weights:
        mixed_NN = 0.5 * weight_NN.float().cpu() + 0.5 * torch.eye(size)
        flow_NN = mixed_NN / mixed_NN.sum(dim=-1, keepdim=True) @ flow_NN
    width = columns or int((size - 1) ** 0.5) if columns or _is_square(size - 1) else int(size**0.5)
    num_patches = size // width * width
    prefix = size - num_patches
    reached_P = flow_NN[0, prefix:] if prefix else flow_NN.mean(dim=0)
    found: NDArray[np.float64] = reached_P.reshape(-1, width).double().numpy()
    return found


def _is_square(number: int) -> bool:
    return number > 0 and int(number**0.5) ** 2 == number


def _attentions(tower: nn.Module) -> list[nn.Module]:
    """torch's own, and timm's, which hold `qkv` and a number of heads."""
    return [
        part
        for part in tower.modules()
        if isinstance(part, nn.MultiheadAttention)
        or (hasattr(part, "qkv") and hasattr(part, "num_heads") and hasattr(part, "q_norm"))
    ]


@contextmanager
def _recorded(attentions: list[nn.Module], weights: list[Tensor]) -> Iterator[None]:
    """Weights (N, N) of one sample, mean over the heads, in the order in which the layers run."""

    def ask(_part: nn.Module, args: tuple[Any, ...], options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return args, options | {"need_weights": True, "average_attn_weights": True}

    def keep(_part: nn.Module, _args: Any, outputs: tuple[Tensor, Tensor]) -> None:
        weights.append(outputs[1][0].detach())

    def compute(part: Any, args: tuple[Tensor, ...]) -> None:
        inputs_BNW = args[0]
        queries, keys, _ = part.qkv(inputs_BNW).unflatten(-1, (3, part.num_heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        scores = part.q_norm(queries) * part.scale @ part.k_norm(keys).transpose(-2, -1)
        weights.append(scores.softmax(dim=-1)[0].mean(dim=0).detach())

    handles: list[Any] = []
    for part in attentions:
        if isinstance(part, nn.MultiheadAttention):
            handles += [part.register_forward_pre_hook(ask, with_kwargs=True), part.register_forward_hook(keep)]
        else:
            handles.append(part.register_forward_pre_hook(compute))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _grad_cam(trunk: Any, run: Callable[[], Tensor]) -> NDArray[np.float64] | None:
    """(H, W): Selvaraju et al. 2017: channels weighted by the mean gradient of the score, what speaks for it kept."""
    maps: list[Tensor] = []
    whole = trunk.forward_features

    def keeping(*args: Any, **options: Any) -> Tensor:
        features: Tensor = whole(*args, **options)
        maps.append(features)
        return features

    trunk.forward_features = keeping
    try:
        with torch.enable_grad():
            score = run()
    finally:
        del trunk.forward_features
    if len(maps) != 1 or maps[0].ndim != 4 or not maps[0].requires_grad:
        return None
    # Of the map alone: the weights keep the gradients that they had.
    (gradients,) = torch.autograd.grad(score, maps[0])
    features, gradient = maps[0][0].detach(), gradients[0]
    if getattr(trunk, "output_fmt", "NCHW") == "NHWC":
        features, gradient = features.permute(2, 0, 1), gradient.permute(2, 0, 1)
    found: NDArray[np.float64] = (
        (features * gradient.mean(dim=(1, 2), keepdim=True)).sum(dim=0).clamp(min=0).double().numpy()
    )
    return found


def _normalised(found: NDArray[np.float64]) -> NDArray[np.float64]:
    span = found.max() - found.min()
    return (found - found.min()) / span if span > 0 else np.zeros_like(found)
