"""A timm network with a linear projection: convolutional or transformer, of pictures or of spectrograms."""

from typing import Any, cast

import timm
from timm.models import get_pretrained_cfg
from torch import Tensor, nn

from mmmodels.errors import RecipeError

# Shapes: B batch, C channels, H and W, T tokens, K features, D embedding.


class TimmNetwork(nn.Module):
    """(B, C, H, W) to (B, D); its names are those of open_clip's TimmModel, so that weights go both ways."""

    def __init__(self, name: str, *, in_chans: int, size: tuple[int, int], output_dim: int | None) -> None:
        super().__init__()
        known: Any = get_pretrained_cfg(name) if timm.is_model(name) else None
        if known is None:
            near = ", ".join(timm.list_models(f"*{name.split('_', maxsplit=1)[0]}*")[:5]) or "see timm.list_models()"
            raise RecipeError(f"architecture timm:{name}: timm has no such model. Near it: {near}.")
        sized = {"img_size": size} if known.fixed_input_size else {}
        trunk: Any = timm.create_model(name, pretrained=False, in_chans=in_chans, num_classes=0, **sized)
        self.trunk = trunk
        self.classifier = str(known.classifier)
        """Where timm's own weights have what this network leaves out."""
        self.output_dim: int = output_dim or trunk.num_features
        self.head = nn.Sequential()
        if output_dim is not None:
            self.head.add_module("proj", nn.Linear(trunk.num_features, output_dim, bias=False))

    def forward(self, inputs_BCHW: Tensor) -> Tensor:
        return cast("Tensor", self.head(self.trunk(inputs_BCHW)))

    def tokens(self, inputs_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """(B, D) and (B, T, D): the places of the last map, or a transformer's tokens behind its prefix."""
        trunk: Any = self.trunk
        features: Tensor = trunk.forward_features(inputs_BCHW)
        pooled_BD = self.head(trunk.forward_head(features))
        if features.ndim == 4:
            channels_last = getattr(trunk, "output_fmt", "NCHW") == "NHWC"
            places_BTK = features.flatten(1, 2) if channels_last else features.flatten(2).transpose(1, 2)
        else:
            places_BTK = features[:, trunk.num_prefix_tokens :]
        return pooled_BD, self.head(places_BTK)

    def maps(self, inputs_BCHW: Tensor, *, stage: int) -> Tensor:
        """(B, K, H, W) of one of timm's stages, of a finer grid than the last; RecipeError where there is none."""
        trunk: Any = self.trunk
        (maps_BKHW,) = trunk.forward_intermediates(
            inputs_BCHW, indices=[self._known(stage)], output_fmt="NCHW", intermediates_only=True
        )
        return cast("Tensor", maps_BKHW)

    def num_channels(self, stage: int) -> int:
        """K of such a map."""
        trunk: Any = self.trunk
        return int(trunk.feature_info[self._known(stage)]["num_chs"])

    def _known(self, stage: int) -> int:
        trunk: Any = self.trunk
        stages = getattr(trunk, "feature_info", ())
        if not hasattr(trunk, "forward_intermediates") or not 0 <= stage < len(stages):
            raise RecipeError(f"stage {stage}: this network has {len(stages)} of them, counted from 0. Choose one.")
        return stage
