"""The image tower: a timm network or the vision tower of an open_clip config, fed with uint8."""

from copy import deepcopy
from typing import Any, cast

import open_clip
import torch
from open_clip.model import _build_vision_tower
from open_clip.timm_model import TimmModel
from open_clip.transformer import VisionTransformer
from torch import Tensor, nn

from mmmodels.errors import RecipeError
from mmmodels.recipes import ImageConfig
from mmmodels.towers.augmentation import augmented, grey, resized
from mmmodels.towers.chance import uniform
from mmmodels.towers.networks import TimmNetwork
from mmmodels.towers.random_operations import random_operations

# Shapes: B batch, C channels, H and W side, T tokens, W width, D embedding.
_PATCHES = 5


class ImageTower(nn.Module):
    """uint8 images (B, 3, H, W) to embeddings (B, D), not normalised; augments where it is given keys."""

    def __init__(self, config: ImageConfig, *, output_dim: int | None) -> None:
        super().__init__()
        self.config = config
        visual: Any = _built(config, output_dim)
        self.output_dim: int = visual.output_dim
        self.has_tokens = isinstance(visual, TimmNetwork | VisionTransformer)
        self.is_map = not isinstance(visual, VisionTransformer)
        """Convolutions are fastest on pictures whose channels lie together."""
        self.visual = visual.to(memory_format=torch.channels_last) if self.is_map else visual
        for name, values in (("mean_C11", config.mean), ("std_C11", config.std)):
            self.register_buffer(name, torch.tensor(values)[:, None, None], persistent=False)

    def forward(self, images_BCHW: Tensor, *, keys_B: Tensor | None = None, strength: float = 0.0) -> Tensor:
        inputs_BCHW = self.prepared(images_BCHW, keys_B, strength)
        if keys_B is not None and self.config.patch_dropout > 0:
            return self._transformed(inputs_BCHW, keys_B)[0]
        return cast("Tensor", self.visual(inputs_BCHW))

    def tokens(
        self, images_BCHW: Tensor, *, keys_B: Tensor | None = None, strength: float = 0.0
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Pooled (B, D), tokens (B, T, D) in the same space, and which of them count (B, T): all."""
        inputs_BCHW = self.prepared(images_BCHW, keys_B, strength)
        if isinstance(self.visual, TimmNetwork):
            pooled_BD, tokens_BTD = self.visual.tokens(inputs_BCHW)
        else:
            pooled_BD, tokens_BTD = self._transformed(inputs_BCHW, keys_B)
        return pooled_BD, tokens_BTD, torch.ones(tokens_BTD.shape[:2], dtype=torch.bool, device=tokens_BTD.device)

    def maps(self, images_BCHW: Tensor, *, stage: int, keys_B: Tensor | None = None, strength: float = 0.0) -> Tensor:
        """(B, K, H, W) of a stage of a timm network."""
        network: Any = self.visual
        return cast("Tensor", network.maps(self.prepared(images_BCHW, keys_B, strength), stage=stage))

    def prepared(self, images_BCHW: Tensor, keys_B: Tensor | None = None, strength: float = 0.0) -> Tensor:
        """What the network is given: (B, C, H, W), normalised, augmented where there are keys."""
        images_BCHW = images_BCHW.float().div_(255)
        if self.config.in_chans == 1:
            images_BCHW = grey(images_BCHW)
        if keys_B is not None and (strength > 0 or self.config.augmentation == "photographs"):
            images_BCHW = augmented(images_BCHW, keys_B, config=self.config, strength=strength)
        images_BCHW = resized(images_BCHW, self.config.size_pixels)
        if keys_B is not None and self.config.random_operations:
            num, magnitude = self.config.random_operations, self.config.random_magnitude
            images_BCHW = random_operations(images_BCHW, keys_B, num=num, magnitude=magnitude)
        normal_BCHW = images_BCHW.sub_(cast("Tensor", self.mean_C11)).div_(cast("Tensor", self.std_C11))
        return normal_BCHW.contiguous(memory_format=torch.channels_last) if self.is_map else normal_BCHW

    def _transformed(self, inputs_BCHW: Tensor, keys_B: Tensor | None) -> tuple[Tensor, Tensor]:
        """open_clip's ViT in its parts: without some of the patches, and with the tokens that it would not project."""
        visual: Any = self.visual
        if not isinstance(visual, VisionTransformer):
            raise RecipeError(
                f"architecture {self.config.architecture}: patch_dropout and late_weight need a ViT of open_clip, "
                "late_weight alone a timm network. Choose open_clip:ViT-..., or set them to 0."
            )
        hidden_BTW = visual._embeds(inputs_BCHW)  # noqa: SLF001
        if keys_B is not None and self.config.patch_dropout > 0:
            hidden_BTW = without_patches(hidden_BTW, keys_B, share=self.config.patch_dropout)
        pooled_BW, tokens_BTW = visual._pool(visual.transformer(hidden_BTW))  # noqa: SLF001
        if visual.proj is None:
            return pooled_BW, tokens_BTW
        return pooled_BW @ visual.proj, tokens_BTW @ visual.proj


def without_patches(hidden_BTW: Tensor, keys_B: Tensor, *, share: float) -> Tensor:
    """The class token and a random part of the patches, in their order (FLIP, Li et al. 2022)."""
    num_patches = hidden_BTW.shape[1] - 1
    num_kept = max(1, int(num_patches * (1 - share)))
    kept_BT = uniform(keys_B, num_patches, stream=_PATCHES).topk(num_kept, dim=1).indices.sort(dim=1).values + 1
    places_BT = torch.cat([torch.zeros_like(kept_BT[:, :1]), kept_BT], dim=1)
    return hidden_BTW.gather(1, places_BT[:, :, None].expand(-1, -1, hidden_BTW.shape[2]))


def vision_settings(config: ImageConfig) -> tuple[dict[str, Any], int]:
    """open_clip's vision_cfg with our sizes in it, and its own embed_dim; RecipeError for a name that it lacks."""
    known = open_clip.get_model_config(config.network)
    if known is None:
        raise RecipeError(
            f"architecture {config.architecture}: open_clip has no such config. See open_clip.list_models()."
        )
    ours = {"image_size": config.size_pixels, "timm_model_pretrained": False, "output_tokens": False}
    settings = deepcopy(known["vision_cfg"]) | ours
    sizes = {"width": config.width, "layers": config.layers, "patch_size": config.patch_pixels}
    return settings | {name: value for name, value in sizes.items() if value is not None}, int(known["embed_dim"])


def has_quick_gelu(config: ImageConfig) -> bool:
    """Whether the config of open_clip asks for OpenAI's activation."""
    known = open_clip.get_model_config(config.network) if config.architecture.startswith("open_clip:") else None
    return bool((known or {}).get("quick_gelu"))


def _built(config: ImageConfig, output_dim: int | None) -> nn.Module:
    kind, _, name = config.architecture.partition(":")
    sized = {config.width, config.layers, config.patch_pixels} != {None}
    if kind not in ("timm", "open_clip") or (kind == "timm" and sized):
        raise RecipeError(
            f"architecture {config.architecture}: expected timm:NAME or open_clip:CONFIG; width, layers and "
            "patch_pixels only change a ViT of open_clip."
        )
    if kind == "timm":
        side = config.size_pixels
        return TimmNetwork(name, in_chans=config.in_chans, size=(side, side), output_dim=output_dim)
    settings, own_dim = vision_settings(config)
    visual: Any = _build_vision_tower(output_dim or own_dim, settings, has_quick_gelu(config))
    visual.output_dim = output_dim or own_dim
    if config.in_chans != 3:
        _grey_stem(visual, config)
    return cast("nn.Module", visual)


def _grey_stem(visual: Any, config: ImageConfig) -> None:
    if isinstance(visual, TimmModel) or config.in_chans != 1:
        raise RecipeError(
            f"model.image.in_chans={config.in_chans}, architecture {config.architecture}: expected 3, or 1 with "
            "timm:NAME or a ViT of open_clip."
        )
    old = visual.conv1
    visual.conv1 = nn.Conv2d(1, old.out_channels, old.kernel_size, stride=old.stride, bias=False)
