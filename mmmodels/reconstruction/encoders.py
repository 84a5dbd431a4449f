"""What a network makes of an input before it is pooled: tokens of patches, places of a map, or of a sequence."""

from typing import Any, cast

import torch
from open_clip.transformer import VisionTransformer
from torch import Tensor, nn

from mmmodels.errors import RecipeError
from mmmodels.towers.networks import TimmNetwork
from mmmodels.towers.recurrent import RecurrentAudio

# Shapes: B batch, C channels, H and W, T patches, K those that are seen, E features.


def shape_of(network: nn.Module, *, name: str) -> str:
    """patches, map or sequence; RecipeError for a network that none of them fits."""
    if isinstance(network, RecurrentAudio):
        return "sequence"
    if isinstance(network, VisionTransformer):
        return "patches"
    trunk = cast("Any", network.trunk) if isinstance(network, TimmNetwork) else None
    if trunk is not None and all(hasattr(trunk, part) for part in ("patch_embed", "blocks", "_pos_embed")):
        return "patches"
    if trunk is not None and not hasattr(trunk, "patch_embed"):
        return "map"
    raise RecipeError(
        f"{name}: patches of a {type(network).__name__} cannot be hidden. Choose a ViT or a convolutional network of "
        "timm, a ViT of open_clip, or gru: or lstm: for sound."
    )


def patch_size(network: nn.Module) -> tuple[int, int]:
    """Height and width of a Transformer's patches."""
    size = (network if isinstance(network, VisionTransformer) else cast("Any", network).trunk.patch_embed).patch_size
    return (int(size[0]), int(size[1]))


def seen_tokens(network: nn.Module, inputs_BCHW: Tensor, kept_BK: Tensor | None = None) -> tuple[Tensor, int]:
    """A Transformer over the patches of these numbers alone: (B, prefix + K, E), and how many tokens are prefix."""
    if isinstance(network, VisionTransformer):
        visual: Any = network
        hidden = _kept(visual._embeds(inputs_BCHW), kept_BK, prefix=1)  # noqa: SLF001
        return visual.ln_post(visual.transformer(hidden)), 1
    trunk = cast("Any", network).trunk
    prefix = int(trunk.num_prefix_tokens)
    hidden = _kept(trunk._pos_embed(trunk.patch_embed(inputs_BCHW)), kept_BK, prefix=prefix)  # noqa: SLF001
    return trunk.norm(trunk.blocks(trunk.norm_pre(hidden))), prefix


def map_of(network: nn.Module, inputs_BCHW: Tensor) -> Tensor:
    """(B, E, h, w): the last map of a convolutional network."""
    trunk = cast("Any", network).trunk
    features: Tensor = trunk.forward_features(inputs_BCHW)
    return features.permute(0, 3, 1, 2) if getattr(trunk, "output_fmt", "NCHW") == "NHWC" else features


def places_of(network: nn.Module, inputs_BCHW: Tensor) -> Tensor:
    """(B, T, E) of any of them: what a probe averages and a teacher shows."""
    shape = shape_of(network, name="network")
    if shape == "patches":
        hidden_BTE, prefix = seen_tokens(network, inputs_BCHW)
        return hidden_BTE[:, prefix:]
    if shape == "map":
        return map_of(network, inputs_BCHW).flatten(2).transpose(1, 2)
    return cast("RecurrentAudio", network).places(inputs_BCHW)


def _kept(hidden_BTE: Tensor, kept_BK: Tensor | None, *, prefix: int) -> Tensor:
    if kept_BK is None:
        return hidden_BTE
    kept_BTE = hidden_BTE[:, prefix:].gather(1, kept_BK[:, :, None].expand(-1, -1, hidden_BTE.shape[2]))
    return torch.cat([hidden_BTE[:, :prefix], kept_BTE], dim=1)
